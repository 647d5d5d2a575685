/* Signing on the screen with a finger, a pen or the mouse. The picture travels in a hidden field. */
(() => {
  "use strict";
  for (const pad of document.querySelectorAll("[data-signature]")) {
    const canvas = pad.querySelector("canvas");
    const field = pad.querySelector("input[type=hidden]");
    const clear = pad.querySelector("[data-clear]");
    const pen = canvas.getContext("2d");
    let drawing = false;
    let length = 0;
    let last = null;

    const paper = () => {
      pen.fillStyle = "#fff";
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.strokeStyle = "#111";
      pen.lineWidth = 3.5;
      pen.lineCap = "round";
      pen.lineJoin = "round";
      length = 0;
      field.value = "";
      pad.classList.remove("is-signed");
    };
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      return {
        x: ((event.clientX - box.left) * canvas.width) / box.width,
        y: ((event.clientY - box.top) * canvas.height) / box.height,
      };
    };
    canvas.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      drawing = true;
      last = at(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!drawing) return;
      const here = at(event);
      pen.beginPath();
      pen.moveTo(last.x, last.y);
      pen.lineTo(here.x, here.y);
      pen.stroke();
      length += Math.hypot(here.x - last.x, here.y - last.y);
      last = here;
    });
    const end = () => {
      if (!drawing) return;
      drawing = false;
      if (length < 60) return; // a touch is not a signature
      field.value = canvas.toDataURL("image/png");
      pad.classList.add("is-signed");
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    clear.addEventListener("click", paper);
    paper();

    const form = pad.closest("form");
    const error = pad.querySelector("[data-error]");
    form.addEventListener("submit", (event) => {
      const onScreen = event.submitter?.value === "screen";
      if (onScreen && !field.value) {
        event.preventDefault();
        error.hidden = false;
        pad.scrollIntoView({ block: "center" });
      }
    }, true);
  }
})();
