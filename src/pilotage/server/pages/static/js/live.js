// One rollout's page: takes what is new from the server's stream, and says plainly when nothing comes any more.
"use strict";

(() => {
  const live = document.getElementById("live");
  if (!live) return;
  const rollout = `/rollouts/${encodeURIComponent(live.dataset.rollout)}`;
  const pulse = document.getElementById("pulse");
  const said = document.getElementById("said");
  const answer = document.getElementById("answer");
  const { csrf, lasting, morph } = window.pilotage;

  const SILENT_S = 25; // the server says something every 10 s
  const AGAIN_S = [1, 2, 4, 8, 15];
  const HIDDEN_EVERY_MS = 30_000;

  let place = "";
  let yours = live.dataset.yours;
  let sampled = Number(live.dataset.sampled) || null;
  let source = null;
  let heard = performance.now();
  let tries = 0;
  let over = false;
  let lastSaid = "";
  window.pilotage.setNow(Number(live.dataset.now));

  // ---------------------------------------------------------------- what is new

  function take(message) {
    window.pilotage.setNow(message.now);
    heard = performance.now();
    tries = 0;
    if (message.place === undefined) return show();
    place = message.place;
    sampled = message.sampled_at;
    for (const [id, html] of Object.entries(message.html)) morph(id, html);
    window.pilotage.charts.take(message.charts);
    if (Object.keys(message.html).includes("numbers")) window.pilotage.charts.draw();
    document.title = `${message.title} - Pilotage`;
    if (lastSaid && message.said !== lastSaid) said.textContent = message.said;
    lastSaid = message.said;
    if (message.yours !== yours) {
      yours = message.yours;
      setTimeout(renewYours, Math.random() * 300);
    }
    show();
  }

  async function renewYours() {
    try {
      const response = await fetch(`${rollout}/yours`, { headers: { "HX-Request": "true" } });
      if (!response.ok || response.redirected) return;
      const holder = document.createElement("template");
      holder.innerHTML = await response.text();
      for (const part of [...holder.content.children]) {
        const focused = document.getElementById(part.id)?.contains(document.activeElement);
        morph(part.id, part.outerHTML);
        const now = document.getElementById(part.id);
        htmx.process(now);
        if (focused && !now.contains(document.activeElement)) answer.focus({ preventScroll: true }); // its button is gone
      }
    } catch {
      yours = ""; // asked for again with the next message
    }
  }

  // ---------------------------------------------------------------- the connection

  function open() {
    close();
    if (over) return;
    const mine = new EventSource(`${rollout}/stream?since=${encodeURIComponent(place)}`);
    source = mine;
    const parsed = (event) => JSON.parse(event.data);
    mine.onmessage = (event) => take(parsed(event));
    mine.addEventListener("beat", (event) => take(parsed(event)));
    mine.addEventListener("over", () => {
      over = true;
      close();
      show();
    });
    mine.addEventListener("out", () => location.reload());
    mine.onerror = () => {
      if (source !== mine) return;
      close(); // ours is tried again, with growing pauses and the place that the page has
      again();
    };
  }

  let waiting = 0;

  function again() {
    clearTimeout(waiting);
    const pause = AGAIN_S[Math.min(tries, AGAIN_S.length - 1)] * (0.75 + Math.random() / 2);
    tries += 1;
    if (tries === 3) ask(); // a stream that is refused does not say why
    waiting = setTimeout(open, pause * 1000);
    show();
  }

  function close() {
    source?.close();
    source = null;
  }

  // A page in the background gives its connection back (browsers have six for a server) and asks now and then.
  let asking = 0;

  async function ask() {
    try {
      const response = await fetch(`${rollout}/news?since=${encodeURIComponent(place)}`);
      if (response.status === 401 || response.redirected) location.reload(); // the session has ended: the login is shown
      else if (response.ok) take(await response.json());
    } catch {
      // said when the page is looked at again
    }
  }

  document.addEventListener("visibilitychange", () => {
    clearInterval(asking);
    clearTimeout(waiting);
    if (document.hidden) {
      close();
      asking = setInterval(ask, HIDDEN_EVERY_MS);
    } else {
      tries = 0;
      open();
    }
  });
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && open());

  // ---------------------------------------------------------------- what is said of it

  let shownState = "";

  function show() {
    const silent = (performance.now() - heard) / 1000;
    const lost = !over && !document.hidden && (silent > SILENT_S || (source === null && tries > 0));
    const state = over ? "still" : lost ? "lost" : "live";
    const age = sampled === null ? null : Math.max(0, window.pilotage.now() - sampled);
    let text = "Live";
    if (over) text = "Finished: nothing changes any more";
    else if (lost) text = `Not connected. Last heard ${lasting(silent)} ago; what you see is old. Trying again`;
    else if (age !== null && age > 45) text = `Live, but the newest numbers are ${lasting(age)} old`;
    else if (age !== null) text = `Live, numbers ${Math.round(age)} s old`;
    // The region is read out when the state changes, not each second.
    if (state !== shownState) pulse.setAttribute("aria-live", "polite");
    else pulse.setAttribute("aria-live", "off");
    shownState = state;
    pulse.className = `push pulse small ${state}`;
    if (pulse.textContent !== text) pulse.textContent = text;
    if (!lost && silent > SILENT_S / 2 && source?.readyState === EventSource.CLOSED) again();
    if (silent > 2 * SILENT_S && source !== null && !document.hidden) {
      close();
      again(); // a connection that is open and says nothing
      heard = performance.now() - SILENT_S * 1000;
    }
  }
  setInterval(show, 1000);

  // ---------------------------------------------------------------- buttons

  const AT_ONCE = { rollback: "Going back…", approve: "Approving…", hold: "Holding…", pause: "Pausing…", resume: "Resuming…", promote: "Promoting…" };

  function say(tone, text, where = answer) {
    const notice = document.createElement("div");
    notice.className = `notice ${tone}`;
    const words = document.createElement("p");
    words.textContent = text;
    notice.append(words);
    where.replaceChildren(notice);
  }

  document.addEventListener("htmx:before:request", (event) => {
    const { body } = event.detail.ctx.request;
    const command = body?.get?.("command");
    const where = document.querySelector(event.target.dataset?.hxTarget ?? "") ?? answer;
    if (AT_ONCE[command]) say("info", AT_ONCE[command], where);
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const { ctx } = event.detail;
    if (!(ctx.sourceElement instanceof HTMLFormElement) || !ctx.response || ctx.response.status >= 400) return;
    ctx.sourceElement.reset();
    const dialog = ctx.sourceElement.closest("dialog");
    if (dialog) {
      answer.replaceChildren(...document.getElementById("promote-answer").childNodes);
      dialog.close();
    }
  });

  document.addEventListener("htmx:error", (event) => {
    const where = document.querySelector(event.target.dataset?.hxTarget ?? "") ?? answer;
    const rolling = event.target.id === "rollback";
    const way = rolling ? " Press it again, or type in a terminal: pilotage rollback (it works without the server, too)." : "";
    say("bad", `Pilotage did not answer: it is not known whether this was done.${way}`, where);
  });

  window.pilotage.live = { take, state: () => ({ place, over, connected: source !== null }) };
  open();
  show();
})();
