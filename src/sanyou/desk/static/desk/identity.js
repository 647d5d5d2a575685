// Identity numbers checked as they are typed (GB 11643), people already known, "same as wife", and
// questions that depend on another answer.
(function () {
  "use strict";
  var form = document.getElementById("nominate");
  if (!form) return;
  var WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], CHECK = "10X98765432";

  function half(text) {
    return text.replace(/[\uff01-\uff5e]/g, function (c) { return String.fromCharCode(c.charCodeAt(0) - 0xfee0); })
      .replace(/[\s\u3000'-]/g, "").toUpperCase();
  }
  function verdict(number) { // "", "digits", "long", "wrong", "date" or {born, sex}
    if (!number) return "";
    if (number.length < 18) return "digits";
    if (number.length > 18) return "long";
    if (!/^\d{17}[\dX]$/.test(number)) return "wrong";
    var sum = 0;
    for (var i = 0; i < 17; i++) sum += Number(number[i]) * WEIGHTS[i];
    if (CHECK[sum % 11] !== number[17]) return "wrong";
    var born = number.slice(6, 10) + "-" + number.slice(10, 12) + "-" + number.slice(12, 14);
    var day = new Date(born + "T00:00:00Z");
    if (isNaN(day) || day.toISOString().slice(0, 10) !== born) return "date";
    return { born: born, sex: Number(number[16]) % 2 ? "male" : "female" };
  }

  form.querySelectorAll("[data-person]").forEach(function (box) {
    var input = box.querySelector("[data-id-number]"), type = box.querySelector("[data-id-type]");
    var error = box.querySelector("[data-error]"), ok = box.querySelector("[data-ok]"), known = box.querySelector("[data-known]");
    var field = input.closest(".field"), asked = "", fill = null, words = ok.dataset;

    function show(problem, good) {
      error.textContent = problem; ok.textContent = good;
      field.classList.toggle("has-error", Boolean(problem));
      if (problem) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
    }
    function check(leaving) {
      if (type.value !== "resident") { show("", ""); return; }
      var number = half(input.value), result = verdict(number);
      if (typeof result === "string") {
        known.hidden = true; asked = "";
        if (result === "digits") return show(leaving ? words.digits.replace("{n}", 18 - number.length) : "", leaving ? "" : words.digits.replace("{n}", 18 - number.length));
        if (result === "long") return show(words.long.replace("{n}", number.length - 18), "");
        return show(result ? words[result] : "", "");
      }
      var expected = box.dataset.sex;
      if (expected && expected !== result.sex) return show(words.sexes.replace("{role}", words.role), "");
      show("", "✓ " + words[result.sex] + " · " + result.born + " " + words.born);
      if (asked === number) return;
      asked = number;
      var body = new URLSearchParams({ number: number });
      window.sanyou.fetch(form.dataset.numberUrl, { method: "POST", body: body }).then(function (r) { return r.json(); }).then(function (answer) {
        if (asked !== number) return;
        if (!answer.ok) { show(answer.error || "", ""); return; }
        fill = answer.fill || null;
        known.hidden = !answer.known;
        known.querySelector("[data-known-text]").textContent = answer.known || "";
        known.querySelector("[data-take]").hidden = !fill;
      }).catch(function () { asked = ""; });
    }
    input.addEventListener("input", function () { check(false); });
    input.addEventListener("change", function () { check(true); });
    type.addEventListener("change", function () { // a child without a card is told by its mother
      var none = type.value === "none", young = none || type.value === "birth_certificate";
      box.querySelector("[data-other-id]").hidden = type.value === "resident";
      box.querySelectorAll("[data-without-card], [data-unclear]").forEach(function (part) { part.hidden = !young; });
      box.querySelectorAll("[data-name-required]").forEach(function (mark) { mark.hidden = young; });
      input.hidden = none;
      check(true);
    });
    known.querySelector("[data-take]").addEventListener("click", function () {
      Object.keys(fill || {}).forEach(function (name) {
        var target = form.elements[box.dataset.person + "-" + name];
        if (target && fill[name]) { target.value = fill[name]; target.dispatchEvent(new Event("change", { bubbles: true })); }
      });
      known.hidden = true;
    });
    if (input.value && !error.textContent) check(true);
  });

  form.addEventListener("click", function (event) {
    var button = event.target.closest("[data-same]");
    if (!button) return;
    var boxes = form.querySelectorAll("[data-person]");
    var from = form.elements[boxes[0].dataset.person + "-" + button.dataset.same];
    var to = form.elements[boxes[1].dataset.person + "-" + button.dataset.same];
    to.value = from.value;
    to.dispatchEvent(new Event("change", { bubbles: true }));
    if (button.dataset.same === "residence_text") {
      form.elements[boxes[1].dataset.person + "-residence_since"].value = form.elements[boxes[0].dataset.person + "-residence_since"].value;
    }
  });

  // Which dependent questions apply is the programme's to say: the server judges its conditions.
  function reveal(applies) {
    form.querySelectorAll("[data-depends]").forEach(function (field) { field.hidden = !applies(field); });
    form.querySelectorAll("section.card").forEach(function (card) { // a part without questions is not shown
      var fields = card.querySelectorAll(".fields > .field");
      if (fields.length) card.hidden = !card.querySelector(".fields > .field:not([hidden])");
    });
  }
  function answered(field) { // without the network: asked once what it depends on has an answer other than no
    return field.dataset.depends.split(" ").every(function (name) {
      var box = form.querySelector('[name="f-' + name + '"]:checked') || form.querySelector('[name="f-' + name + '"]:not([type=radio]):not([type=checkbox])');
      return box && box.value && box.value !== "false";
    });
  }
  var turn = 0;
  function ask() {
    var mine = ++turn, body = new URLSearchParams();
    new FormData(form).forEach(function (value, name) {
      if (typeof value === "string" && (name === "programme" || name.indexOf("f-") === 0)) body.append(name, value);
    });
    window.sanyou.fetch(form.dataset.questionsUrl, { method: "POST", body: body }).then(function (r) { return r.json(); }).then(function (answer) {
      if (mine === turn) reveal(function (field) { return answer.visible.indexOf(field.dataset.question) >= 0; });
    }).catch(function () { if (mine === turn) reveal(answered); });
  }
  if (form.querySelector("[data-depends]")) {
    form.addEventListener("change", function (event) { if (event.target.name && event.target.name.indexOf("f-") === 0) ask(); });
    reveal(function () { return false; });
    ask();
  }
})();
