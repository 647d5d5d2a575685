/* Shows the parts of the assessment page that change the proposal. */
(() => {
  "use strict";
  const button = document.getElementById("adjust");
  const open = () => {
    for (const node of document.querySelectorAll(".adjust")) node.hidden = false;
    document.getElementById("adjusting").scrollIntoView({ block: "center" });
    document.getElementById("reason").focus({ preventScroll: true });
  };
  if (button) button.addEventListener("click", open);
  if (document.querySelector("#adjusting[data-sent]")) open(); // sent back with an error: nothing typed is lost
})();
