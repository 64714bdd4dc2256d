// What every page needs: htmx's requests carry the session's second value, dialogs open and close, ages and countdowns run.
"use strict";

(() => {
  const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

  document.addEventListener("htmx:config:request", (event) => {
    event.detail.ctx.request.headers["X-CSRF-Token"] = csrf;
  });

  // What a reader has opened stays open through a live update (morph), and what runs in the browser is not set back.
  let internal = null;
  htmx.registerExtension("pilotage", {
    init: (api) => {
      internal = api;
    },
    htmx_before_morph_attr: (element, detail) => !(detail.attrName === "open" && element.matches("details, dialog")),
    htmx_before_morph_node: (element, { newNode }) => {
      if (!(element instanceof Element)) return true;
      if (element.matches("time[data-shown]")) return element.dateTime !== newNode.dateTime;
      if (element.matches("[data-until]")) return element.dataset.until !== newNode.dataset?.until;
      return true;
    },
  });

  // Brings the element with that id to what the server has rendered; what is the same stays, focus and all.
  function morph(id, html) {
    const target = document.getElementById(id);
    if (!target) return;
    const holder = document.createElement("template");
    holder.innerHTML = html.trim();
    internal.morph(target, holder.content, false);
    const now = document.getElementById(id);
    localTimes(now);
    countAll(now);
  }

  // A button that cannot be pressed now can still be reached, and says why.
  document.addEventListener("click", (event) => {
    const button = event.target.closest('[aria-disabled="true"]');
    if (!button) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);

  // ---------------------------------------------------------------- dialogs

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) {
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

  // The server's clock, as this browser's steady one counts it on: the reader's own may be wrong.
  let ahead = Date.now() / 1000 - performance.now() / 1000;
  const setNow = (now) => {
    ahead = now - performance.now() / 1000;
  };
  const now = () => ahead + performance.now() / 1000;

  function countAll(root = document) {
    for (const element of root.querySelectorAll("[data-until]")) {
      const left = Number(element.dataset.until) - now();
      const text = left >= 0 ? `In ${lasting(left)}` : "Any moment now";
      if (element.textContent !== text) element.textContent = text;
    }
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
      const year = at.getFullYear() === new Date().getFullYear() ? "" : `${at.getFullYear()}-`;
      const day = `${year}${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
      element.textContent = today ? clock : `${day} ${clock.slice(0, 5)}`;
    }
  }

  window.pilotage = { csrf, lasting, morph, now, setNow };
  setInterval(() => countAll(), 1000);
  countAll();
  localTimes(document);
})();
