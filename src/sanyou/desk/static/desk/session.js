// The session may end while a form is open. The page stays; a dialog asks for the password again, and the
// request that failed is repeated. Nothing typed is lost.
(function () {
  "use strict";
  var sanyou = window.sanyou, waiting = [];

  function dialog() { return document.getElementById("session-dialog"); }

  sanyou.askToSignIn = function (then) {
    var box = dialog();
    if (!box) { location.reload(); return; }
    waiting.push(then);
    if (!box.open) {
      box.showModal();
      box.querySelector("input[name=password]").focus();
    }
  };

  sanyou.fetch = function (url, options) {
    options = Object.assign({ credentials: "same-origin" }, options || {});
    function send() {
      var headers = Object.assign({}, options.headers, { "X-Requested-With": "fetch" });
      if (options.method && options.method !== "GET") headers["X-CSRFToken"] = sanyou.cookie("csrftoken");
      return window.fetch(url, Object.assign({}, options, { headers: headers }));
    }
    return send().then(function (response) {
      if (response.status !== 401) return response;
      return new Promise(function (resolve, reject) {
        sanyou.askToSignIn(function () { send().then(resolve, reject); });
      });
    });
  };

  document.addEventListener("htmx:configRequest", function (event) {
    event.detail.headers["X-CSRFToken"] = sanyou.cookie("csrftoken");
  });
  document.addEventListener("htmx:beforeSwap", function (event) {
    var status = event.detail.xhr.status;
    if (status === 409 || status === 422 || status === 403) { event.detail.shouldSwap = true; event.detail.isError = false; }
    if (status === 401) event.detail.shouldSwap = false;
  });
  document.addEventListener("htmx:responseError", function (event) {
    var detail = event.detail;
    if (detail.xhr.status !== 401) return;
    sanyou.askToSignIn(function () {
      var config = detail.requestConfig;
      window.htmx.ajax(config.verb, config.path, { source: detail.elt, target: detail.target, values: config.parameters });
    });
  });

  // A form sent while the session is over would lose what was typed: ask first.
  document.addEventListener("submit", function (event) {
    var form = event.target, box = dialog();
    if (!box || event.defaultPrevented || form.method !== "post" || form.closest("#session-dialog")) return;
    if (form.hasAttribute("hx-post") || form.dataset.alive || form.hasAttribute("data-own-submit")) return;
    event.preventDefault();
    var submitter = event.submitter;
    var go = function () {
      form.dataset.alive = "1";
      if (submitter) form.requestSubmit(submitter); else form.requestSubmit();
      setTimeout(function () { delete form.dataset.alive; }, 0);
    };
    delete form.dataset.sent;
    sanyou.fetch(box.dataset.alive).then(go, function () {
      document.getElementById("messages").textContent = "";
      var line = document.createElement("div");
      line.className = "message error"; line.setAttribute("role", "alert");
      line.textContent = sanyou.text("offline");
      document.getElementById("messages").appendChild(line);
      line.scrollIntoView({ block: "center" });
    });
  });

  document.addEventListener("submit", function (event) {
    var form = event.target;
    if (!form.closest("#session-dialog")) return;
    event.preventDefault();
    var error = form.querySelector(".error");
    window.fetch(form.action, {
      method: "POST", credentials: "same-origin", body: new FormData(form),
      headers: { "X-Requested-With": "fetch", "X-CSRFToken": sanyou.cookie("csrftoken") }
    }).then(function (response) {
      return response.json().then(function (answer) { return { ok: response.ok, answer: answer }; });
    }).then(function (result) {
      if (!result.ok) { error.textContent = result.answer.error; return; }
      error.textContent = "";
      form.querySelector("input[name=password]").value = "";
      document.querySelectorAll("input[name=csrfmiddlewaretoken]").forEach(function (i) { i.value = result.answer.csrf; });
      dialog().close();
      waiting.splice(0).forEach(function (then) { then(); });
    }).catch(function () { error.textContent = sanyou.text("offline"); });
  });
})();
