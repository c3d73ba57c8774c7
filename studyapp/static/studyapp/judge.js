// Judging pages: exact pixels, keys, time on task, the next picture ahead. Everything works without this file.
"use strict";

const IDLE_AFTER = 30; // seconds without any sign of the person after which time counts as idle
const SETTLE = 150; // ms after the picture appears in which a second click of a double click is not an answer

function fillScreen() {
  const values = { screen_width: screen.width, screen_height: screen.height, pixel_ratio: window.devicePixelRatio };
  for (const [name, value] of Object.entries(values)) {
    document.querySelectorAll(`input[name="${name}"]`).forEach((input) => { input.value = value; });
  }
}

function sendOnce(form) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}

function offerCopy(button) {
  if (!navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent.trim());
    button.textContent = "Copied";
  });
}

// One picture pixel covers a whole number of device pixels, as many as fit beside the question.
function fitPicture(picture, main) {
  const ratio = window.devicePixelRatio || 1;
  const side = Number(picture.getAttribute("width"));
  const beside = main.scrollHeight - picture.getBoundingClientRect().height;
  const width = main.clientWidth - 2 * 8;
  const height = Math.max(window.innerHeight - beside, 224);
  const scale = Math.floor((Math.min(width, height, 720) * ratio) / side);
  if (scale >= 1) picture.style.width = `${(side * scale) / ratio}px`;
}

function timer() {
  let active = 0, idle = 0, last = performance.now(), sign = last;
  const settle = () => {
    const now = performance.now();
    const step = (now - last) / 1000;
    if (document.hidden || (now - sign) / 1000 > IDLE_AFTER) idle += step; else active += step;
    last = now;
  };
  const seen = () => { settle(); sign = performance.now(); };
  for (const name of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"]) {
    addEventListener(name, seen, { passive: true });
  }
  document.addEventListener("visibilitychange", () => { settle(); sign = performance.now(); });
  setInterval(settle, 500);
  return () => { settle(); return { active, idle }; };
}

function judge(main) {
  const picture = document.getElementById("picture");
  const form = main.querySelector("[data-answers]");
  const help = main.querySelector(".help");
  let shownAt = null, measured = null;

  if (picture.matches(".picture")) {
    const fit = () => fitPicture(picture, main);
    fit();
    addEventListener("resize", fit);
  }

  const shown = () => {
    shownAt = performance.now();
    measured = timer();
    setTimeout(() => { main.dataset.ready = "1"; }, SETTLE);
    if (main.dataset.served) {
      const body = new URLSearchParams({ presentation: main.dataset.presentation });
      fetch(main.dataset.served, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
    }
    for (const next of (main.dataset.ahead || "").split(" ")) if (next) new Image().src = next;
  };
  const broken = () => { const told = main.querySelector(".broken"); if (told) told.hidden = false; };
  // Judging begins when every picture that belongs to the question is there.
  const parts = [picture, ...main.querySelectorAll("img[data-part]")];
  let missing = parts.length;
  const arrived = () => { missing -= 1; if (!missing) shown(); };
  for (const part of parts) {
    if (!part.complete) {
      part.addEventListener("load", arrived);
      part.addEventListener("error", broken);
    } else if (part.naturalWidth) arrived(); else broken();
  }

  if (form) {
    form.addEventListener("submit", (event) => {
      const early = shownAt === null || performance.now() - shownAt < SETTLE;
      if (early || form.dataset.sent || "preview" in main.dataset) { event.preventDefault(); return; }
      form.dataset.sent = "1";
      const times = measured();
      if (form.elements.active_seconds) form.elements.active_seconds.value = times.active.toFixed(3);
      if (form.elements.idle_seconds) form.elements.idle_seconds.value = times.idle.toFixed(3);
    });
  }

  addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || !help) return;
    if (event.key === "?") { help.open = !help.open; return; }
    if (event.key === "Escape") { help.open = false; return; }
    if (help.open || !form) return;
    const choice = form.querySelector(`[data-key="${CSS.escape(event.key.toUpperCase())}"]`);
    if (choice) choice.click();
  });
}

// A page that the browser kept shows a step that may be over: ask again.
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
fillScreen();
document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelectorAll("[data-copy]").forEach(offerCopy);
document.querySelectorAll("main[data-judge]").forEach(judge);
