/* The generated record form: saves by itself, shows what was saved, marks abnormal values as typed,
   shows and hides questions, and settles two people on one record field by field.

   What is typed lives only in this page's memory until the server has it: a shared computer keeps
   nothing after sign-out. */
(() => {
  "use strict";

  const form = document.getElementById("record");
  if (!form) return;
  const words = JSON.parse(document.getElementById("record-words").textContent);
  const state = JSON.parse(document.getElementById("record-state").textContent);
  const urls = form.dataset;
  const amending = form.dataset.mode === "amend";

  const SAVE_AFTER = 1500; // ms after the last key
  const RETRY_AFTER = 5000; // ms between attempts while there is no network

  const stored = new Map(Object.entries(state.values)); // what the server has
  const dirty = new Map(); // typed and not yet on the server
  const refused = new Map(); // typed, and the server said why not
  const conflicts = new Map(); // typed by two people
  const fields = new Map();
  for (const node of form.querySelectorAll("[data-element]")) fields.set(node.dataset.element, node);

  const saveState = document.getElementById("save-state");
  const summary = document.getElementById("error-summary");
  let version = state.version;
  let saving = null;
  let timer = 0;
  let offline = false;
  let leaving = false;

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  const plain = (raw) =>
    raw !== null && typeof raw === "object" && !Array.isArray(raw) && "value" in raw ? raw.value : raw ?? null;
  const same = (a, b) => {
    if (Array.isArray(a) && Array.isArray(b)) return [...a].sort().join() === [...b].sort().join();
    const [x, y] = [a ?? null, b ?? null];
    if (x === null || y === null || typeof x === "boolean" || typeof y === "boolean") return x === y;
    if (typeof x === "number" || typeof y === "number") return Number(x) === Number(y);
    return String(x) === String(y);
  };

  /* --- reading and writing one field ------------------------------------- */

  const half = (text) =>
    text.replace(/[\uff01-\uff5e]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
      .replace(/[\u3000\s]+/g, " ").replace(/[。．]/g, ".").trim();

  const asDate = (text) => {
    const t = half(text).replace(/[年月./]/g, "-").replace(/日$/, "").replace(/-+$/, "");
    const parts = /^(\d{4})-?(\d{1,2})-?(\d{1,2})$/.exec(t);
    if (!parts || (!t.includes("-") && t.length !== 8)) return t;
    return `${parts[1]}-${parts[2].padStart(2, "0")}-${parts[3].padStart(2, "0")}`;
  };

  const read = (node) => {
    const kind = node.dataset.kind;
    const boxes = [...node.querySelectorAll("input[type=radio], input[type=checkbox]")];
    if (kind === "boolean") {
      const on = boxes.find((b) => b.checked);
      return on ? on.value === "true" : null;
    }
    if (kind === "codes") {
      const on = boxes.filter((b) => b.checked).map((b) => b.value);
      if (!on.length) return null;
      return on.includes("") ? [] : on;
    }
    if (kind === "code" && boxes.length) {
      const on = boxes.find((b) => b.checked);
      return on ? on.value : null;
    }
    if (kind === "image") return node.dataset.picture || null;
    const text = node.querySelector("input:not([type=hidden]), textarea, select").value;
    if (kind === "region") return node.querySelector("input[type=hidden]").value || half(text) || null;
    if (kind === "integer" || kind === "decimal") return half(text) === "" ? null : half(text).replaceAll(" ", "");
    if (kind === "date") return half(text) === "" ? null : asDate(text);
    return text.trim() === "" ? null : text.trim();
  };

  const write = (node, raw) => {
    const value = plain(raw);
    const kind = node.dataset.kind;
    const boxes = [...node.querySelectorAll("input[type=radio], input[type=checkbox]")];
    if (kind === "boolean" || (kind === "code" && boxes.length)) {
      for (const b of boxes) b.checked = value !== null && b.value === String(value);
    } else if (kind === "codes") {
      for (const b of boxes) b.checked = Array.isArray(value) && (b.value === "" ? !value.length : value.includes(b.value));
    } else if (kind === "image") {
      const [picture, remove] = [node.querySelector("[data-picture-shown]"), node.querySelector("[data-remove]")];
      node.dataset.picture = value ?? "";
      picture.hidden = remove.hidden = !value;
      if (value) picture.src = `${urls.pictureUrl}?field=${encodeURIComponent(node.dataset.element)}&v=${value}`;
    } else {
      const input = node.querySelector("input:not([type=hidden]), textarea, select");
      input.value = value ?? "";
      if (kind === "region") {
        node.querySelector("input[type=hidden]").value = value ?? "";
        input.value = (value && state.regions[value]) || value || "";
      }
    }
  };

  /* The value in the words of the page. */
  const show = (node, raw) => {
    const value = plain(raw);
    if (value === null || value === "") return words.empty;
    const label = (v) => {
      for (const b of node.querySelectorAll("input[type=radio], input[type=checkbox]"))
        if (b.value === String(v)) return b.parentElement.querySelector("[data-label]").textContent;
      for (const o of node.querySelectorAll("option")) if (o.value === String(v)) return o.textContent;
      return state.regions[v] || String(v);
    };
    if (Array.isArray(value)) return value.length ? value.map(label).join("、") : label("");
    const unit = node.dataset.unit ? ` ${node.dataset.unit}` : "";
    return label(value) + unit;
  };

  /* --- marks beside a field ------------------------------------------------ */

  const mark = (node, flag) => {
    node.classList.toggle("is-high", flag === "high");
    node.classList.toggle("is-low", flag === "low");
    node.classList.toggle("is-abnormal", flag === "abnormal");
    const place = node.querySelector("[data-flag]");
    place.textContent = flag ? words[flag] : "";
    place.hidden = !flag;
  };

  /* As typed, from what the field itself carries; the server's answer follows. */
  const hint = (node) => {
    const value = read(node);
    const { kind, low, high } = node.dataset;
    if (value === null) return mark(node, null);
    if (kind === "integer" || kind === "decimal") {
      const number = Number(value);
      if (Number.isNaN(number)) return mark(node, null);
      if (low !== undefined && number < Number(low)) return mark(node, "low");
      if (high !== undefined && number > Number(high)) return mark(node, "high");
      return mark(node, null);
    }
    if (node.dataset.normal) {
      const normal = JSON.parse(node.dataset.normal);
      const given = Array.isArray(value) ? value : [value];
      return mark(node, given.some((v) => !normal.includes(v)) ? "abnormal" : null);
    }
    return mark(node, null);
  };

  const fault = (node, message) => {
    const place = node.querySelector("[data-error]");
    place.textContent = message || "";
    place.hidden = !message;
    node.classList.toggle("has-error", Boolean(message));
    for (const control of node.querySelectorAll("input, textarea, select")) {
      if (message) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  };

  const limits = (node) => {
    const { kind, min, max } = node.dataset;
    const value = read(node);
    if (value === null) return "";
    if (kind === "date") return /^\d{4}-\d{2}-\d{2}$/.test(value) ? "" : words.not_a_date;
    if (kind !== "integer" && kind !== "decimal") return "";
    const number = Number(value);
    if (Number.isNaN(number)) return words.not_a_number;
    if (kind === "integer" && !Number.isInteger(number)) return words.not_whole;
    if ((min !== undefined && number < Number(min)) || (max !== undefined && number > Number(max)))
      return fill(words.not_plausible, { min, max, unit: node.dataset.unit });
    return "";
  };

  /* --- sections, progress, what is shown ----------------------------------- */

  const count = () => {
    for (const section of form.querySelectorAll("section[data-section]")) {
      const shown = [...section.querySelectorAll("[data-element]")].filter((n) => !n.hidden);
      const link = document.querySelector(`[data-nav="${section.id}"]`);
      section.hidden = shown.length === 0;
      if (!link) continue;
      link.hidden = section.hidden;
      const done = shown.filter((n) => read(n) !== null).length;
      const wrong = shown.some((n) => n.classList.contains("has-error") || n.classList.contains("has-conflict"));
      const open = shown.some((n) => n.dataset.required === "1" && read(n) === null);
      link.querySelector("[data-count]").textContent = `${done}/${shown.length}`;
      link.classList.toggle("is-done", done > 0 && done === shown.length && !wrong);
      link.classList.toggle("is-open", open);
      link.classList.toggle("is-wrong", wrong);
    }
  };

  const reveal = (visible) => {
    const shown = new Set(visible);
    for (const [name, node] of fields) node.hidden = !shown.has(name) && !conflicts.has(name);
    count();
  };

  /* Without the network nobody can say whether a dependent question applies: show it. */
  const revealDependents = () => {
    for (const node of fields.values()) {
      const on = (node.dataset.depends || "").split(" ").filter(Boolean);
      if (node.hidden && on.some((name) => dirty.has(name))) node.hidden = false;
    }
    count();
  };

  const say = (text, kind) => {
    saveState.textContent = text;
    saveState.dataset.state = kind;
  };

  /* What keeps the form from being saved, if anything; true when something does. */
  const waitingWords = () => {
    if (conflicts.size) say(fill(words.conflicts, { n: conflicts.size }), "conflict");
    else if (refused.size) say(fill(words.refused, { n: refused.size }), "error");
    return conflicts.size + refused.size > 0;
  };

  /* --- two people on one record --------------------------------------------- */

  const conflict = (name, found) => {
    const node = fields.get(name);
    const place = node.querySelector("[data-conflict]");
    conflicts.set(name, found);
    node.classList.add("has-conflict");
    place.replaceChildren();
    const text = document.createElement("p");
    text.textContent = fill(words.conflict, {
      by: found.by, at: found.at, theirs: show(node, found.theirs), yours: show(node, found.yours),
    });
    const button = (label, choose) => {
      const b = document.createElement("button");
      b.type = "button";
      b.className = "button";
      b.textContent = label;
      b.addEventListener("click", () => {
        stored.set(name, found.theirs);
        conflicts.delete(name);
        place.hidden = true;
        node.classList.remove("has-conflict");
        choose();
        hint(node);
        count();
        waitingWords();
      });
      return b;
    };
    const row = document.createElement("div");
    row.className = "choices";
    row.append(
      button(fill(words.take_theirs, { by: found.by }), () => {
        write(node, found.theirs);
        dirty.delete(name);
        refused.delete(name);
        if (!dirty.size) say(words.taken, "saved");
        if (amending) return;
        save();
      }),
      button(words.keep_mine, () => {
        dirty.set(name, read(node));
        save();
      }),
    );
    place.append(text, row);
    place.hidden = false;
    node.hidden = false;
  };

  /* What others wrote in fields that are not being typed in here. */
  const refresh = (data) => {
    for (const [name, node] of fields) {
      const theirs = name in data ? data[name] : null;
      if (dirty.has(name) || conflicts.has(name)) continue;
      if (!same(plain(theirs), plain(stored.get(name))) && !same(plain(theirs), read(node))) {
        write(node, theirs);
        hint(node);
        node.classList.add("is-refreshed");
        setTimeout(() => node.classList.remove("is-refreshed"), 4000);
      }
      stored.set(name, theirs);
    }
  };

  const take = (answer, sent) => {
    version = answer.version ?? version;
    for (const name of answer.saved || []) {
      const now = answer.data ? answer.data[name] ?? null : sent[name]?.value ?? null;
      stored.set(name, now);
      refused.delete(name);
      if (!sent[name] || same(read(fields.get(name)), sent[name].value)) dirty.delete(name);
    }
    for (const [name, message] of Object.entries(answer.errors || {})) {
      const node = fields.get(name);
      if (!node || !(name in sent)) continue;
      if (!same(read(node), sent[name].value)) continue; // typed on since
      refused.set(name, sent[name].value);
      fault(node, message);
    }
    for (const [name, found] of Object.entries(answer.conflicts || {})) conflict(name, found);
    if (answer.data) refresh(answer.data);
    for (const [name, node] of fields)
      if (!dirty.has(name) && answer.flags) mark(node, answer.flags[name] || null);
    if (answer.visible) reveal(answer.visible);
    count();
  };

  /* --- saving ----------------------------------------------------------------- */

  const changes = () => {
    const found = {};
    for (const [name, value] of dirty) {
      if (conflicts.has(name)) continue;
      if (refused.has(name) && same(refused.get(name), value)) continue;
      found[name] = { base: stored.get(name) ?? null, value };
    }
    return found;
  };

  const later = (delay = SAVE_AFTER) => {
    clearTimeout(timer);
    timer = setTimeout(save, delay);
  };

  async function save() {
    clearTimeout(timer);
    if (saving) { await saving; return changes_left() ? save() : undefined; }
    const sent = changes();
    if (!Object.keys(sent).length) { waitingWords(); return undefined; }
    saving = (async () => {
      if (!offline) say(words.saving, "saving");
      try {
        const url = amending ? urls.check : urls.save;
        const body = amending ? { data: Object.fromEntries([...fields].map(([n, f]) => [n, read(f)])) } : { version, changes: sent };
        const result = await sanyou.send(url, body);
        offline = false;
        if (result.status >= 500) { say(words.server, "error"); timer = setTimeout(save, RETRY_AFTER); return; }
        if (!result.ok) {
          say(result.answer.error || words.server, "error");
          if (result.answer.closed) lock(result.answer.error);
          return;
        }
        if (amending) {
          for (const [name, node] of fields) if (dirty.has(name)) fault(node, result.answer.errors[name] || limits(node));
          for (const [name, node] of fields) mark(node, result.answer.flags[name] || null);
          reveal(result.answer.visible);
          say(words.amending, "idle");
          return;
        }
        take(result.answer, sent);
        if (!waitingWords()) {
          if (changes_left()) later(300);
          else say(fill(words.saved, { at: result.answer.at }), "saved");
        }
      } catch (error) {
        if (!(error instanceof sanyou.Offline)) throw error;
        offline = true;
        say(words.offline, "offline");
        revealDependents();
        timer = setTimeout(save, RETRY_AFTER);
      }
    })();
    try { await saving; } finally { saving = null; }
    return undefined;
  }

  const changes_left = () => !amending && Object.keys(changes()).length > 0;

  /* The record was signed or closed elsewhere: what is typed stays readable, nothing more is sent. */
  const lock = (message) => {
    for (const c of form.querySelectorAll("input, textarea, select, button")) c.disabled = true;
    summary.textContent = message;
    summary.hidden = false;
    summary.focus();
    leaving = true;
  };

  const changed = (node, at_once) => {
    const name = node.dataset.element;
    const value = read(node);
    if (conflicts.has(name)) { conflicts.get(name).yours = value; }
    if (same(value, plain(stored.get(name)))) { dirty.delete(name); refused.delete(name); }
    else dirty.set(name, value);
    hint(node);
    if (!limits(node) || at_once) fault(node, limits(node));
    count();
    if (limits(node)) { if (at_once) { refused.set(name, value); waitingWords(); } return; }
    refused.delete(name);
    if (!dirty.has(name) && !amending) { if (!dirty.size && !offline) say(words.unchanged, "idle"); return; }
    if (offline) revealDependents();
    else if (!amending) say(words.typing, "typing");
    const steers = node.dataset.steers === "1";
    if (amending && !steers && !at_once) return;
    later(steers && (at_once || node.dataset.kind === "boolean") ? 50 : SAVE_AFTER);
  };

  form.addEventListener("input", (event) => {
    const node = event.target.closest("[data-element]");
    if (!node || event.target.type === "file") return;
    if (node.dataset.kind === "codes" && event.target.checked) {
      // "none" and any other answer exclude each other
      for (const b of node.querySelectorAll("input[type=checkbox]"))
        if ((event.target.value === "") !== (b.value === "")) b.checked = false;
    }
    if (node.dataset.kind === "region" && event.target.type !== "hidden")
      node.querySelector("input[type=hidden]").value = "";
    changed(node, event.target.type === "radio" || event.target.type === "checkbox");
  });

  form.addEventListener("focusout", (event) => {
    const node = event.target.closest("[data-element]");
    if (!node || !dirty.has(node.dataset.element)) return;
    if (node.contains(event.relatedTarget)) return;
    if (node.dataset.kind === "date") {
      const input = event.target;
      if (input.tagName === "INPUT" && input.value) input.value = asDate(input.value);
    }
    changed(node, true);
    if (!limits(node)) later(0);
  });

  window.addEventListener("online", () => { if (dirty.size) save(); });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "hidden" || !changes_left() || saving) return;
    const sent = changes();
    sanyou.send(urls.save, { version, changes: sent }, { keepalive: true })
      .then((r) => { if (r.ok) take(r.answer, sent); }).catch(() => {});
  });
  window.addEventListener("beforeunload", (event) => {
    if (leaving) return;
    if (amending ? dirty.size : (offline && dirty.size) || refused.size || conflicts.size) {
      event.preventDefault();
      event.returnValue = "";
      return;
    }
    if (changes_left())
      sanyou.send(urls.save, { version, changes: changes() }, { keepalive: true }).catch(() => {});
  });

  /* --- the keyboard -------------------------------------------------------------- */

  const CONTROLS = "input:not([type=hidden]):not([disabled]), textarea:not([disabled]), select:not([disabled])";
  const first = (node) => node.querySelector("input:checked") || node.querySelector(CONTROLS);

  const step = (node, direction) => {
    const shown = [...fields.values()].filter((n) => !n.hidden && first(n));
    const next = shown[shown.indexOf(node) + direction];
    const target = next ? first(next) : direction > 0 ? document.getElementById("sign-button") : null;
    if (!target) return;
    target.focus();
    if (target.select && target.type === "text") target.select();
    target.closest(".field, .record-end")?.scrollIntoView({ block: "nearest" });
  };

  form.addEventListener("keydown", (event) => {
    const node = event.target.closest("[data-element]");
    if (!node || event.isComposing || event.altKey || event.metaKey) return;
    const boxes = [...node.querySelectorAll("input[type=radio], input[type=checkbox]")];
    const choosing = boxes.includes(event.target);
    if (event.key === "Enter") {
      if (event.target.tagName === "BUTTON" || (event.target.tagName === "TEXTAREA" && !event.ctrlKey)) return;
      event.preventDefault();
      step(node, event.shiftKey ? -1 : 1);
      return;
    }
    if (!choosing || event.ctrlKey) return;
    if (/^[0-9]$/.test(event.key)) {
      const box = event.key === "0" ? boxes.find((b) => !b.value) : boxes[Number(event.key) - 1];
      if (!box) return;
      event.preventDefault();
      box.checked = box.type === "checkbox" ? !box.checked : true;
      box.focus();
      box.dispatchEvent(new Event("input", { bubbles: true }));
      if (box.type === "radio") step(node, 1);
    } else if (event.key === "Backspace" || event.key === "Delete") {
      event.preventDefault();
      for (const b of boxes) b.checked = false;
      changed(node, true);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      // arrows left and right choose, up and down go from question to question
      event.preventDefault();
      step(node, event.key === "ArrowDown" ? 1 : -1);
    }
  });

  /* A second click on a chosen chip takes the answer back. */
  let was = null;
  form.addEventListener("pointerdown", (event) => {
    const box = event.target.closest("label.choice")?.querySelector("input[type=radio]");
    was = box && box.checked ? box : null;
  });
  form.addEventListener("click", (event) => {
    if (event.target !== was) return;
    was.checked = false;
    changed(was.closest("[data-element]"), true);
    was = null;
  });

  /* --- regions: typing a name offers the divisions that carry it -------------------- */

  for (const node of fields.values()) {
    if (node.dataset.kind !== "region") continue;
    const [hidden, input, list] = [
      node.querySelector("input[type=hidden]"), node.querySelector("input[type=text]"), node.querySelector("datalist"),
    ];
    let wait = 0;
    input.addEventListener("input", () => {
      const picked = [...list.options].find((o) => o.value === input.value);
      if (picked) {
        hidden.value = picked.dataset.code;
        state.regions[picked.dataset.code] = picked.value;
        changed(node, true);
        return;
      }
      clearTimeout(wait);
      wait = setTimeout(async () => {
        if (input.value.trim().length < 2) return;
        try {
          const result = await sanyou.send(urls.regions, { text: input.value });
          list.replaceChildren(...(result.answer.regions || []).map((r) => {
            const o = document.createElement("option");
            o.value = r.name;
            o.dataset.code = r.code;
            return o;
          }));
        } catch { /* the text itself is kept */ }
      }, 250);
    });
  }

  /* --- pictures: made small here, kept encrypted there --------------------------------- */

  const shrink = async (file) => {
    const image = await createImageBitmap(file);
    const scale = Math.min(1, 1400 / Math.max(image.width, image.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(image.width * scale);
    canvas.height = Math.round(image.height * scale);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return canvas.toDataURL("image/jpeg", 0.8);
  };
  for (const node of fields.values()) {
    if (node.dataset.kind !== "image") continue;
    const input = node.querySelector("input[type=file]");
    input.addEventListener("change", async () => {
      if (!input.files.length) return;
      input.disabled = true;
      try {
        const data = await shrink(input.files[0]);
        const result = await sanyou.send(urls.pictureUrl, { data });
        if (!result.ok) { fault(node, result.answer.error || words.server); return; }
        node.dataset.picture = result.answer.key;
        const shown = node.querySelector("[data-picture-shown]");
        shown.src = data;
        shown.hidden = node.querySelector("[data-remove]").hidden = false;
        changed(node, true);
        save();
      } catch (error) {
        fault(node, error instanceof sanyou.Offline ? words.offline_picture : words.not_a_picture);
      } finally { input.value = ""; input.disabled = false; }
    });
    node.querySelector("[data-remove]").addEventListener("click", () => { write(node, null); changed(node, true); });
  }

  /* --- the last record --------------------------------------------------------------- */

  const bring = (name) => {
    const node = fields.get(name);
    if (!node || node.hidden) return;
    write(node, state.last[name]);
    changed(node, true);
    node.querySelector("[data-copy]")?.setAttribute("hidden", "");
  };
  form.addEventListener("click", (event) => {
    const one = event.target.closest("[data-copy]");
    if (one) bring(one.closest("[data-element]").dataset.element);
    if (event.target.closest("[data-copy-all]")) {
      for (const name of Object.keys(state.last)) if (fields.has(name) && read(fields.get(name)) === null) bring(name);
      event.target.closest("[data-copy-bar]").hidden = true;
    }
  });

  /* "The rest: no": every open yes/no question of a section where "no" is the unremarkable answer. */
  form.addEventListener("click", (event) => {
    const all = event.target.closest("[data-rest-no]");
    if (!all) return;
    for (const node of all.closest("section").querySelectorAll("[data-kind=boolean]")) {
      const normal = node.dataset.normal ? JSON.parse(node.dataset.normal) : [false];
      if (node.hidden || read(node) !== null || !normal.includes(false)) continue;
      write(node, false);
      changed(node, true);
    }
    save();
  });

  /* --- signing and amending -------------------------------------------------------- */

  const goTo = (name) => {
    const node = fields.get(name);
    if (!node) return;
    node.hidden = false;
    node.scrollIntoView({ block: "center" });
    first(node)?.focus({ preventScroll: true });
  };

  const list = (errors, title) => {
    const head = document.createElement("h2");
    head.textContent = title;
    const items = document.createElement("ul");
    for (const [name, message] of Object.entries(errors)) {
      const item = document.createElement("li");
      const node = fields.get(name);
      if (node) {
        const link = document.createElement("a");
        link.href = `#f-${name}`;
        link.textContent = `${node.dataset.label}：${message}`;
        link.addEventListener("click", (event) => { event.preventDefault(); goTo(name); });
        item.append(link);
      } else item.textContent = message;
      items.append(item);
    }
    summary.replaceChildren(head, items);
    summary.hidden = false;
    summary.scrollIntoView({ block: "start" });
    summary.focus({ preventScroll: true });
  };

  const problems = () => {
    const found = {};
    for (const [name, node] of fields) {
      if (node.hidden) continue;
      if (conflicts.has(name)) found[name] = words.settle;
      else if (limits(node)) found[name] = limits(node);
      else if (node.dataset.required === "1" && read(node) === null) found[name] = words.required;
    }
    for (const [name] of refused) found[name] = fields.get(name).querySelector("[data-error]").textContent || words.settle;
    return found;
  };

  const dialog = document.getElementById("sign-dialog");
  const button = document.getElementById("sign-button");
  const confirm = document.getElementById("sign-confirm");
  const reason = document.getElementById("amend-reason");

  button?.addEventListener("click", async () => {
    if (button.disabled) return;
    button.disabled = true;
    try {
      await save();
      if (offline) { say(words.offline, "offline"); return; }
      const found = problems();
      for (const [name, message] of Object.entries(found)) if (!conflicts.has(name)) fault(fields.get(name), message);
      count();
      if (Object.keys(found).length) { list(found, fill(words.unready, { n: Object.keys(found).length })); return; }
      if (amending && !dirty.size) { list({ "": words.no_change }, words.cannot); return; }
      if (amending && reason.value.trim().length < 2) {
        list({ "": words.reason }, words.cannot);
        reason.setAttribute("aria-invalid", "true");
        reason.focus();
        return;
      }
      summary.hidden = true;
      const shown = [...fields.values()].filter((n) => !n.hidden);
      const marked = shown.filter((n) => n.matches(".is-high, .is-low, .is-abnormal"));
      const blank = shown.filter((n) => read(n) === null);
      document.getElementById("sign-abnormal").replaceChildren(...marked.map((n) => {
        const item = document.createElement("li");
        item.textContent = `${n.dataset.label} ${show(n, read(n))} ${n.querySelector("[data-flag]").textContent}`;
        return item;
      }));
      document.getElementById("sign-marked").hidden = !marked.length;
      document.getElementById("sign-blank").textContent = blank.length ? fill(words.blank, { n: blank.length }) : "";
      if (amending) document.getElementById("amend-changes").replaceChildren(...[...dirty].map(([name, value]) => {
        const item = document.createElement("li");
        const node = fields.get(name);
        item.textContent = fill(words.amend_line, {
          label: node.dataset.label, before: show(node, stored.get(name)), after: show(node, value),
        });
        return item;
      }));
      dialog.showModal();
      confirm.focus();
    } finally { button.disabled = false; }
  });

  confirm?.addEventListener("click", async () => {
    if (confirm.disabled) return;
    confirm.disabled = true;
    const body = { version };
    if (amending) {
      body.reason = reason.value.trim();
      body.changes = Object.fromEntries([...dirty].map(([n, v]) => [n, { base: stored.get(n) ?? null, value: v }]));
    }
    try {
      const result = await sanyou.send(amending ? urls.amend : urls.sign, body);
      if (result.ok && result.answer.next) { leaving = true; window.location.assign(result.answer.next); return; }
      dialog.close();
      const { errors, error, data, version: newer } = result.answer;
      if (data && !amending) { version = newer; refresh(data); if (result.answer.visible) reveal(result.answer.visible); }
      for (const [name, message] of Object.entries(errors || {})) if (fields.has(name)) fault(fields.get(name), message);
      count();
      list(errors && Object.keys(errors).length ? errors : { "": error || words.server }, error || words.cannot);
    } catch (failure) {
      if (!(failure instanceof sanyou.Offline)) throw failure;
      dialog.close();
      list({ "": words.offline_sign }, words.cannot);
    } finally { confirm.disabled = false; }
  });

  /* --- the section in view is marked in the navigation ------------------------------- */

  const nav = document.querySelector(".record-nav");
  if (nav && "IntersectionObserver" in window) {
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of nav.querySelectorAll("[data-nav]")) {
          const here = link.dataset.nav === entry.target.id;
          link.toggleAttribute("aria-current", here);
          if (here && nav.scrollWidth > nav.clientWidth) nav.scrollTo({ left: link.offsetLeft - 40 });
        }
      }
    }, { rootMargin: "-20% 0px -70% 0px" });
    for (const section of form.querySelectorAll("section[data-section]")) watch.observe(section);
  }

  for (const [name, node] of fields) {
    if (stored.has(name) || node.dataset.kind === "image") write(node, stored.get(name));
    hint(node);
  }
  for (const [name, flag] of Object.entries(state.flags)) if (fields.has(name)) mark(fields.get(name), flag);
  reveal(state.visible);
  if (!form.querySelector(":focus")) {
    const start = [...fields.values()].find((n) => !n.hidden && read(n) === null) || [...fields.values()][0];
    if (start) first(start)?.focus({ preventScroll: true });
  }
})();
