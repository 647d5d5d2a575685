/* Sends JSON to the server over sanyou.fetch, so that an ended session asks for the password in place
   and the request goes out again. */
(() => {
  "use strict";
  const sanyou = (window.sanyou = window.sanyou || {});

  /* No answer at all: the network, not the server. */
  sanyou.Offline = class extends Error {};

  /* -> {status, ok, answer}; throws Offline. `keepalive` outlives the page and never asks to sign in. */
  sanyou.send = async (url, body, { keepalive = false } = {}) => {
    const options = {
      method: "POST",
      credentials: "same-origin",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
    };
    let response;
    try {
      response = keepalive
        ? await window.fetch(url, {
          ...options,
          keepalive: true,
          headers: { ...options.headers, "X-Requested-With": "fetch", "X-CSRFToken": sanyou.cookie("csrftoken") },
        })
        : await sanyou.fetch(url, options);
    } catch (error) {
      throw new sanyou.Offline(error.message);
    }
    let answer = {};
    if ((response.headers.get("Content-Type") || "").includes("json")) {
      try { answer = await response.json(); } catch (error) { throw new sanyou.Offline(error.message); }
    }
    return { status: response.status, ok: response.ok, answer };
  };

  /* Escape does not close the sign-in dialog: a request waits behind it. */
  document.getElementById("session-dialog")?.addEventListener("cancel", (event) => event.preventDefault());
})();
