// The few behaviours every page shares. No inline handlers anywhere: elements carry data-* attributes.
//   data-open="id"      opens the <dialog id>            data-close       closes the dialog it is in
//   data-confirm="…"    asks before a form is sent       data-print       prints the page
//   data-submit-once    a form is sent once, its button says so
//   [role=tablist]      buttons with aria-controls switch panels, arrow keys move
// window.sanyou.fetch(url, options) is fetch with the CSRF token; a 401 opens the sign-in dialog and
// sends the request again afterwards, so nothing typed is lost.
(function () {
  "use strict";
  var sanyou = (window.sanyou = window.sanyou || {});

  sanyou.cookie = function (name) {
    var found = document.cookie.split("; ").filter(function (c) { return c.indexOf(name + "=") === 0; })[0];
    return found ? decodeURIComponent(found.slice(name.length + 1)) : "";
  };
  sanyou.text = function (key) { // words for scripts live in the page: <template id="words"> of base.html
    var box = document.getElementById("words");
    return (box && box.getAttribute("data-" + key)) || "";
  };

  document.addEventListener("click", function (event) {
    var target = event.target.closest("[data-open],[data-close],[data-print],[data-menu],[data-fill]");
    if (!target) {
      document.querySelectorAll("details.who[open]").forEach(function (d) { if (!d.contains(event.target)) d.removeAttribute("open"); });
      var side = document.getElementById("side");
      if (side && side.classList.contains("open") && !side.contains(event.target)) side.classList.remove("open");
      return;
    }
    if (target.dataset.open) {
      var dialog = document.getElementById(target.dataset.open);
      if (dialog) { event.preventDefault(); dialog.showModal(); }
    } else if (target.hasAttribute("data-close")) {
      event.preventDefault();
      target.closest("dialog").close();
    } else if (target.hasAttribute("data-print")) {
      window.print();
    } else if (target.hasAttribute("data-menu")) {
      var open = document.getElementById("side").classList.toggle("open");
      target.setAttribute("aria-expanded", String(open));
    } else if (target.hasAttribute("data-fill")) { // demo accounts
      document.getElementById("id_username").value = target.dataset.username;
      document.getElementById("id_password").value = target.dataset.password;
      document.getElementById("id_password").form.requestSubmit();
    }
  });

  document.addEventListener("submit", function (event) {
    var form = event.target;
    var question = (event.submitter && event.submitter.dataset.confirm) || form.dataset.confirm;
    if (question && !form.dataset.alive && !window.confirm(question)) { event.preventDefault(); return; }
    if (form.hasAttribute("data-submit-once") && !event.defaultPrevented) {
      if (form.dataset.sent) { event.preventDefault(); return; }
      form.dataset.sent = "1";
      setTimeout(function () { delete form.dataset.sent; }, 8000);
    }
  });

  document.addEventListener("change", function (event) {
    var input = event.target;
    if (input.hasAttribute && input.hasAttribute("data-autosubmit")) input.form.requestSubmit();
    if (input.hasAttribute && input.hasAttribute("data-only-abnormal")) {
      document.getElementById(input.dataset.onlyAbnormal).classList.toggle("only-abnormal", input.checked);
    }
    if (input.hasAttribute && input.hasAttribute("data-check-all")) {
      document.querySelectorAll('input[type=checkbox][name="' + input.dataset.checkAll + '"]').forEach(function (box) { box.checked = input.checked; });
    }
  });

  document.addEventListener("keydown", function (event) {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName)) {
      var search = document.getElementById("top-search");
      if (search) { event.preventDefault(); search.focus(); }
    }
    if (event.key === "Escape") {
      var hits = document.getElementById("search-hits");
      if (hits) hits.innerHTML = "";
      document.querySelectorAll("details.who[open]").forEach(function (d) { d.removeAttribute("open"); });
    }
    if (event.key === "ArrowDown" && event.target.id === "top-search") {
      var first = document.querySelector("#search-hits a");
      if (first) { event.preventDefault(); first.focus(); }
    }
    var tab = event.target.closest && event.target.closest("[role=tab]");
    if (tab && (event.key === "ArrowRight" || event.key === "ArrowLeft")) {
      var tabs = Array.prototype.slice.call(tab.parentNode.querySelectorAll("[role=tab]"));
      var next = tabs[(tabs.indexOf(tab) + (event.key === "ArrowRight" ? 1 : tabs.length - 1)) % tabs.length];
      next.focus(); sanyou.showTab(next);
    }
  });

  sanyou.showTab = function (tab) {
    tab.parentNode.querySelectorAll("[role=tab]").forEach(function (other) {
      var on = other === tab;
      other.setAttribute("aria-selected", String(on));
      other.tabIndex = on ? 0 : -1;
      var panel = document.getElementById(other.getAttribute("aria-controls"));
      if (panel) panel.hidden = !on;
    });
  };
  document.addEventListener("click", function (event) {
    var tab = event.target.closest("[role=tab]");
    if (tab) { sanyou.showTab(tab); history.replaceState(null, "", "#" + tab.getAttribute("aria-controls")); }
  });
  document.addEventListener("DOMContentLoaded", function () {
    if (location.hash) {
      var tab = document.querySelector('[role=tab][aria-controls="' + CSS.escape(location.hash.slice(1)) + '"]');
      if (tab) sanyou.showTab(tab);
    }
  });
})();
