// A picture for a limited time: square, picture, noise, then the words. Frames are counted, and what was really
// shown goes with the answer. The words are closed until the picture has been shown; without scripts it stands still
// above words that are open.
"use strict";

const FEWEST_FRAMES = 8; // by which the length of a frame of this screen is estimated

// Noise with as much contrast in every octave (1/f), the same for the same text.
function noise(side, text) {
  let state = 1;
  for (const letter of text) state = Math.imul(state ^ letter.codePointAt(0), 0x01000193);
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296 - 0.5;
  };
  const values = new Float32Array(side * side);
  for (let size = 1; size <= side / 2; size *= 2) {
    const across = Math.ceil(side / size) + 2;
    const grid = Float32Array.from({ length: across * across }, random);
    for (let y = 0; y < side; y += 1) {
      const v = y / size, top = Math.floor(v), down = v - top;
      for (let x = 0; x < side; x += 1) {
        const u = x / size, left = Math.floor(u), over = u - left, at = top * across + left;
        const above = grid[at] * (1 - over) + grid[at + 1] * over;
        const below = grid[at + across] * (1 - over) + grid[at + across + 1] * over;
        values[y * side + x] += above * (1 - down) + below * down;
      }
    }
  }
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const pixels = new ImageData(side, side);
  for (let place = 0; place < values.length; place += 1) {
    pixels.data.fill(Math.max(0, Math.min(255, 128 + 90 * values[place])), 4 * place, 4 * place + 3);
    pixels.data[4 * place + 3] = 255;
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  return canvas;
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

class Trial {
  constructor(main) {
    this.main = main;
    this.stage = main.querySelector("#stage");
    this.form = main.querySelector("[data-answers]");
    this.start = main.querySelector(".begin");
    this.help = main.querySelector(".help");
    this.words = [...this.form.querySelectorAll("button[data-key]")];
    this.asked = Number(main.dataset.show);
    this.fixation = Number(main.dataset.fixation);
    this.masked = Number(main.dataset.mask);
    this.hidden = false;
    this.state = "";
    this.go("loading");
  }

  go(state) {
    this.state = this.main.dataset.state = state;
    const closed = state !== "answer" || "preview" in this.main.dataset;
    for (const word of this.words) word.disabled = closed;
    this.start.hidden = state !== "ready";
  }

  async load() {
    const picture = new Image();
    picture.src = this.main.dataset.picture;
    try {
      await picture.decode();
    } catch {
      this.main.querySelector(".broken").hidden = false;
      return;
    }
    this.side = picture.naturalWidth;
    this.measure();
    this.bitmap = await createImageBitmap(picture);
    if (this.masked) this.mask = noise(picture.naturalWidth, this.main.dataset.presentation || "preview");
    for (const next of (this.main.dataset.ahead || "").split(" ")) if (next) new Image().src = next;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.go("ready");
    if (this.main.dataset.begin === "automatic" && !still && !document.hidden && !this.help.open) this.begin();
  }

  // One pixel of the picture covers a whole number of the screen's. What is on the stage is gone.
  measure() {
    const ratio = window.devicePixelRatio || 1;
    const side = this.side;
    this.stage.style.width = this.stage.style.height = "";
    const scale = Math.max(Math.floor((this.stage.clientWidth * ratio) / side), 1);
    this.stage.width = this.stage.height = side * scale;
    this.stage.style.width = this.stage.style.height = `${(side * scale) / ratio}px`;
    this.paint = this.stage.getContext("2d");
    this.paint.imageSmoothingEnabled = !("exact" in this.main.dataset);
    this.paint.imageSmoothingQuality = "high";
  }

  resize() {
    if (this.state === "ready" || this.state === "answer") this.measure();
  }

  draw(what) {
    const side = this.stage.width;
    this.paint.clearRect(0, 0, side, side);
    if (what) this.paint.drawImage(what, 0, 0, side, side);
  }

  square() {
    const side = this.stage.width, small = Math.max(Math.round(side / 40), 4);
    this.draw(null);
    this.paint.fillStyle = "#1c1c1b";
    this.paint.fillRect((side - small) / 2, (side - small) / 2, small, small);
  }

  begin() {
    if (this.state !== "ready") return;
    this.go("fixation");
    this.square();
    const steps = [];
    let first = null, last = null;
    const wait = (now) => {
      if (this.state !== "fixation") return;
      if (last !== null) steps.push(now - last); else first = now;
      last = now;
      if (now - first < this.fixation || steps.length < FEWEST_FRAMES) { requestAnimationFrame(wait); return; }
      this.refresh = median(steps);
      this.show(now);
    };
    requestAnimationFrame(wait);
  }

  // `now` is the time of the frame that the picture is drawn in.
  show(now) {
    this.go("picture");
    this.draw(this.bitmap);
    this.onset = now;
    this.frames = 0;
    this.times = timer();
    if (this.main.dataset.served) {
      const body = new URLSearchParams({ presentation: this.main.dataset.presentation });
      fetch(this.main.dataset.served, { method: "POST", body, keepalive: true, credentials: "omit" }).catch(() => {});
    }
    const each = (time) => {
      if (this.state !== "picture") return;
      this.frames += 1;
      if (time - this.onset >= this.asked - this.refresh / 2) this.cover(time); else requestAnimationFrame(each);
    };
    requestAnimationFrame(each);
  }

  cover(now) {
    this.shown = now - this.onset;
    this.go("mask");
    this.draw(this.mask || null);
    const each = (time) => {
      if (time - now < this.masked - this.refresh / 2) { requestAnimationFrame(each); return; }
      this.draw(null);
      this.go("answer");
    };
    if (this.masked && !document.hidden) requestAnimationFrame(each); else { this.draw(null); this.go("answer"); }
  }

  // Out of sight: a square starts anew, a picture is over.
  leave() {
    if (!document.hidden) return;
    if (this.state === "fixation") this.go("ready");
    if (this.state === "picture") { this.hidden = true; this.cover(performance.now()); }
  }

  send(event) {
    if (this.state !== "answer" || this.form.dataset.sent) { event.preventDefault(); return; }
    this.form.dataset.sent = "1";
    const times = this.times();
    const measured = {
      active_seconds: times.active.toFixed(3),
      idle_seconds: times.idle.toFixed(3),
      shown_ms: this.shown.toFixed(2),
      frames: this.frames,
      refresh_ms: this.refresh.toFixed(3),
      hidden: this.hidden ? "1" : "",
    };
    for (const [name, value] of Object.entries(measured)) {
      if (this.form.elements[name]) this.form.elements[name].value = value;
    }
  }

  press(event) {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "?") { this.help.open = !this.help.open; return; }
    if (event.key === "Escape") { this.help.open = false; return; }
    if (this.help.open) return;
    const other = event.target.closest?.("button, a, summary, input");
    if (event.key === " " && other && other !== this.start) return;
    if (event.key === " " && this.state === "ready") { event.preventDefault(); this.begin(); return; }
    const word = this.form.querySelector(`[data-key="${CSS.escape(event.key.toUpperCase())}"]`);
    if (word && !word.disabled) word.click();
  }
}

addEventListener("DOMContentLoaded", () => {
  const main = document.querySelector("main[data-forced]");
  if (!main) return;
  const trial = new Trial(main);
  trial.start.addEventListener("click", () => trial.begin());
  trial.form.addEventListener("submit", (event) => trial.send(event));
  document.addEventListener("visibilitychange", () => trial.leave());
  addEventListener("keydown", (event) => trial.press(event));
  addEventListener("resize", () => trial.resize());
  trial.load();
});
