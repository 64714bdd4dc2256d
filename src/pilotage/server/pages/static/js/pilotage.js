// What every page needs: htmx's requests carry the session's second value, dialogs open and close, ages and countdowns run.
"use strict";

(() => {
  const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-CSRF-Token"] = csrf;
  });

  // What a reader has opened, and what somebody is typing, outlives a live update (morph): see before:morph:* of htmx.
  htmx.registerExtension("pilotage", {
    htmx_before_morph_attr: (element, detail) => !(detail.attrName === "open" && element.matches("details, dialog")),
    htmx_before_morph_node: (element) => !(element instanceof Element && element.matches("form.touched")),
  });
  document.addEventListener("input", (event) => event.target.closest("form")?.classList.add("touched"));
  document.addEventListener("reset", (event) => event.target.classList.remove("touched"));

  // ---------------------------------------------------------------- dialogs

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener && !opener.disabled) {
      const dialog = document.getElementById(opener.dataset.opens);
      if (dialog instanceof HTMLDialogElement && !dialog.open) {
        event.preventDefault();
        dialog.showModal();
      }
    }
    const closer = event.target.closest("[data-closes]");
    if (closer) {
      event.preventDefault();
      closer.closest("dialog")?.close();
    }
  });

  // ---------------------------------------------------------------- time

  const pad = (number) => String(number).padStart(2, "0");

  function lasting(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
    return hours ? `${hours}:${pad(minutes)}:${pad(rest)}` : `${minutes}:${pad(rest)}`;
  }

  // The server says how much was left when it wrote the page; the browser's own steady clock counts on from there.
  // The element keeps what it said and since when, so that an update with the same number does not start it anew.
  const since = new WeakMap();

  function count(element, now) {
    const said = element.dataset.left;
    let begun = since.get(element);
    if (!begun || begun.said !== said) {
      begun = { said, at: now };
      since.set(element, begun);
    }
    const runs = element.dataset.stands === undefined;
    const text = lasting(Number(said) - (runs ? (now - begun.at) / 1000 : 0));
    if (element.textContent !== text) element.textContent = text;
  }

  function countAll() {
    const now = performance.now();
    for (const element of document.querySelectorAll("[data-left]")) count(element, now);
  }

  // Times are written in UTC by the server and shown in the reader's own zone, the UTC one kept in the title.
  function localTimes(root) {
    for (const element of root.querySelectorAll("time[datetime]:not([data-shown])")) {
      const at = new Date(element.dateTime);
      if (Number.isNaN(at.getTime())) continue;
      element.title = `${element.textContent.trim()} UTC`;
      element.dataset.shown = element.dateTime;
      const today = at.toDateString() === new Date().toDateString();
      const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
      const day = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
      element.textContent = today ? clock : `${day} ${clock.slice(0, 5)}`;
    }
  }

  window.pilotage = { csrf, lasting, countAll, localTimes };
  setInterval(countAll, 1000);
  countAll();
  localTimes(document);
})();
