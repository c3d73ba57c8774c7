// The review gallery: decisions, moving and looking by keyboard, in the grid and one at a time.
"use strict";
{
  const root = document.getElementById("gallery");
  const cards = document.getElementById("cards");
  const one = document.getElementById("one");
  const article = () => one?.querySelector("article");
  const current = () => document.activeElement?.closest?.(".card");
  const all = () => [...cards.querySelectorAll(".card")];
  const hints = document.getElementById("hints");

  // The keys are shown once; after that "?" opens them.
  const remembered = (name, otherwise) => {
    try { return localStorage.getItem(`gallery-${name}`) ?? otherwise; } catch { return otherwise; }
  };
  const remember = (name, value) => {
    try { localStorage.setItem(`gallery-${name}`, value); } catch { /* a private window keeps nothing */ }
  };
  if (hints && !remembered("hints")) { hints.open = true; remember("hints", "shown"); }

  // Looking: the overlay and the part that is seen stay the same from image to image.
  const seen = { zoom: 1, x: 0, y: 0 };
  const overlay = document.getElementById("overlay");
  const opacity = document.getElementById("opacity");
  const factor = document.getElementById("factor");

  const look = () => {
    if (!one) return;
    const limit = (value) => Math.min(0, Math.max(1 - seen.zoom, value));
    seen.x = limit(seen.x);
    seen.y = limit(seen.y);
    one.querySelectorAll(".layer").forEach((layer) => {
      layer.style.transform = `translate(${seen.x * 100}%, ${seen.y * 100}%) scale(${seen.zoom})`;
    });
    one.querySelectorAll(".heat").forEach((heat) => (heat.style.opacity = overlay.checked ? opacity.value / 100 : 0));
    document.getElementById("zoom").textContent = `× ${Number(seen.zoom.toFixed(2))}`;
  };

  // x and y: the point that stays where it is, as a share of the pane.
  const zoomTo = (zoom, x = 0.5, y = 0.5) => {
    const wanted = Math.min(32, Math.max(1, zoom));
    seen.x = x - ((x - seen.x) * wanted) / seen.zoom;
    seen.y = y - ((y - seen.y) * wanted) / seen.zoom;
    seen.zoom = wanted;
    look();
  };
  const ladder = [1, 2, 4, 8, 16];
  const nextZoom = () => zoomTo(ladder.find((step) => step > seen.zoom) ?? 1);

  const place = (event, pane) => {
    const box = pane.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };

  // The difference is computed here, so that its factor can be changed: 128 + factor × (adversarial − clean).
  const pixelsOf = (image) => {
    const sheet = document.createElement("canvas");
    sheet.width = image.naturalWidth;
    sheet.height = image.naturalHeight;
    const context = sheet.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, sheet.width, sheet.height);
  };
  const subtract = async () => {
    const target = one?.querySelector("canvas.difference");
    if (!target) return;
    const [clean, attacked] = [one.querySelector("img.clean"), one.querySelector("img.adversarial")];
    try { await Promise.all([clean.decode(), attacked.decode()]); } catch { return; }
    const times = Number(factor.value || target.dataset.factor);
    one.querySelector("span.factor").textContent = times;
    if (clean.naturalWidth !== attacked.naturalWidth || clean.naturalHeight !== attacked.naturalHeight) {
      // The clean crop is not stored yet and a thumbnail stands in for it.
      target.closest("figure").querySelector("figcaption").textContent = "difference: the clean crop is not made yet";
      return;
    }
    const [before, after] = [pixelsOf(clean), pixelsOf(attacked)];
    for (let at = 0; at < after.data.length; at += 1) {
      if (at % 4 !== 3) after.data[at] = 128 + times * (after.data[at] - before.data[at]);
    }
    target.width = after.width;
    target.height = after.height;
    target.getContext("2d").putImageData(after, 0, 0);
    target.dataset.drawn = times;
  };

  const fetched = new Map();
  const lookAhead = () => {
    const here = article();
    if (!here) return;
    here.dataset.ahead.split(" ").filter(Boolean).forEach((address) => {
      if (fetched.has(address)) return;
      const image = new Image();
      image.src = address;
      fetched.set(address, image);
    });
  };
  const arrived = () => {
    if (!article()) return;
    document.title = document.title.replace(/^.*?(?= \|)/, article().dataset.name);
    look();
    subtract();
    lookAhead();
  };

  // Moving.
  const goTo = (address) => {
    if (!address) return;
    failed = false;
    htmx.ajax("GET", address, { target: "#one" }).then(() => failed || history.pushState({}, "", address));
  };
  const move = (steps) => {
    if (one) return goTo(steps > 0 ? article().dataset.following : article().dataset.previous);
    const items = all();
    const at = items.indexOf(current());
    const to = at < 0 ? 0 : at + steps;
    if (to >= items.length && at >= 0) {
      if (cards.dataset.following) location.assign(cards.dataset.following);
      return;
    }
    const next = items[Math.max(to, 0)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  };
  window.addEventListener("popstate", () => location.reload());

  // Deciding.
  const dialog = document.getElementById("hold-back");
  const ask = (key, name, stimulus = "") => {
    if (!dialog || !key) return;
    const form = dialog.querySelector("form");
    form.elements.image.value = key;
    form.elements.stimulus.value = stimulus;
    form.elements.part.value = one ? "one" : "card";
    form.elements.reason.value = "";
    dialog.querySelector(".of").textContent = name;
    dialog.querySelector(".problem").textContent = "";
    dialog.showModal();
    form.elements.reason.focus();
  };
  const askHere = () => {
    if (one) return ask(article().dataset.key, article().dataset.name);
    const card = current();
    return card && ask(card.dataset.key, card.getAttribute("aria-label"));
  };
  const keepReason = (reason) => {
    const list = document.getElementById("reasons");
    if ([...list.children].some((each) => each.textContent === reason)) return;
    const made = document.createElement("button");
    made.type = "button";
    made.className = "reason";
    made.textContent = reason;
    list.prepend(made);
  };
  let failed = false;
  dialog?.querySelector("form").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    const values = Object.fromEntries(new FormData(form));
    const alone = Boolean(values.stimulus);
    const target = one ? "#one" : `#i-${CSS.escape(values.image)}`;
    failed = false;
    htmx.ajax("POST", form.action, { target, swap: one ? "innerHTML" : "outerHTML", values }).then(() => {
      if (failed) return;
      keepReason(values.reason);
      dialog.close();
      if (!alone) decided(values.image);
    });
  });
  dialog?.addEventListener("click", (event) => {
    if (event.target.matches(".cancel")) dialog.close();
    if (event.target.matches(".reason")) {
      dialog.querySelector("input[name=reason]").value = event.target.textContent;
      dialog.querySelector("button.first").focus();
    }
  });
  // After a decision the next image is where the reviewer goes on.
  const decided = (key) => {
    if (one) return move(1);
    const items = all();
    const at = items.findIndex((item) => item.dataset.key === key);
    items[at]?.focus();
    return move(1);
  };
  const say = (text) => {
    failed = true;
    const shown = dialog?.open ? dialog.querySelector(".problem") : document.getElementById("problem");
    shown.textContent = text;
    shown.hidden = false;
  };
  root.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status < 400) return;
    event.detail.shouldSwap = false;
    say(event.detail.xhr.status === 422 ? event.detail.xhr.responseText : "That did not work. Load the page again.");
  });
  document.addEventListener("htmx:sendError", () => say("The server can not be reached; try again."));
  let approving = null;
  root.addEventListener("htmx:beforeRequest", (event) => {
    const values = event.detail.requestConfig.parameters;
    const value = (name) => values.get?.(name) ?? values[name];
    approving = value("decision") === "approve" && !value("stimulus") ? value("image") : null;
  });
  document.addEventListener("htmx:afterSettle", () => {
    arrived();
    if (approving === null) return;
    const key = approving;
    approving = null;
    decided(key);
  });

  root.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button?.matches(".hold")) {
      if (!one) button.closest(".card").focus();
      askHere();
    } else if (button?.matches(".hold-one")) {
      ask(article().dataset.key, "this stimulus alone", button.dataset.stimulus);
    } else if (one && event.target.closest("a[rel]")) {
      event.preventDefault();
      goTo(event.target.closest("a").href);
    }
  });

  // Zoom: wheel at the pointer, drag, buttons, keys.
  let drag = null;
  one?.addEventListener("wheel", (event) => {
    const pane = event.target.closest(".pane");
    if (!pane) return;
    event.preventDefault();
    zoomTo(seen.zoom * (event.deltaY < 0 ? 1.25 : 0.8), ...place(event, pane));
  }, { passive: false });
  one?.addEventListener("pointerdown", (event) => {
    const pane = event.target.closest(".pane");
    if (!pane || event.button) return;
    event.preventDefault();
    drag = { pane, from: place(event, pane), x: seen.x, y: seen.y };
    pane.setPointerCapture(event.pointerId);
  });
  one?.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const [x, y] = place(event, drag.pane);
    seen.x = drag.x + x - drag.from[0];
    seen.y = drag.y + y - drag.from[1];
    look();
  });
  one?.addEventListener("pointerup", () => (drag = null));
  one?.addEventListener("pointercancel", () => (drag = null));
  one?.addEventListener("dblclick", (event) => {
    const pane = event.target.closest(".pane");
    if (pane) zoomTo(seen.zoom > 1 ? 1 : 4, ...place(event, pane));
  });
  document.getElementById("zoom-in")?.addEventListener("click", () => zoomTo(seen.zoom * 2));
  document.getElementById("zoom-out")?.addEventListener("click", () => zoomTo(seen.zoom / 2));
  document.getElementById("zoom-fit")?.addEventListener("click", () => zoomTo(1));
  if (overlay) {
    overlay.checked = remembered("overlay") === "on";
    opacity.value = remembered("opacity", "70");
    overlay.addEventListener("change", () => { remember("overlay", overlay.checked ? "on" : "off"); look(); });
    opacity.addEventListener("input", () => {
      remember("opacity", opacity.value);
      overlay.checked = true;
      look();
    });
    factor.addEventListener("change", subtract);
  }

  const perRow = () => {
    const items = all();
    const next = items.findIndex((item) => item.offsetTop !== items[0].offsetTop);
    return next < 0 ? items.length : next;
  };
  const turnView = () => {
    if (one) return location.assign(`${article().dataset.back}#i-${article().dataset.key}`);
    const card = current() ?? all()[0];
    return card && location.assign(cards.dataset.one + card.dataset.key);
  };
  const keys = {
    j: () => move(1), ArrowRight: () => move(1), k: () => move(-1), ArrowLeft: () => move(-1),
    ArrowDown: () => cards && move(perRow()), ArrowUp: () => cards && move(-perRow()),
    a: () => (one ? article() : current())?.querySelector("button.approve")?.click(),
    h: askHere, g: turnView, z: () => one && nextZoom(),
    o: () => overlay?.click(),
    "+": () => one && zoomTo(seen.zoom * 2), "=": () => one && zoomTo(seen.zoom * 2), "-": () => one && zoomTo(seen.zoom / 2),
    "?": () => (hints.open = !hints.open),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog?.open) return;
    if (event.target.matches("input:not([type=checkbox]), select, textarea")) return;
    if (event.key === "Enter" && cards && event.target.matches(".card")) return turnView();
    const act = keys[event.key];
    if (!act || (event.key.startsWith("Arrow") && !cards && /Up|Down/.test(event.key))) return;
    event.preventDefault();
    act();
  });

  // Ticks.
  const ticked = () => {
    const many = root.querySelectorAll("input[name=images]:checked").length;
    const words = document.getElementById("ticked");
    words.dataset.all ??= words.textContent;
    words.textContent = many ? `Board of ${many}:` : words.dataset.all;
  };
  root.addEventListener("change", (event) => {
    if (event.target.id === "tick-all") {
      root.querySelectorAll("input[name=images]").forEach((box) => (box.checked = event.target.checked));
      ticked();
    } else if (event.target.name === "images") ticked();
  });
  if (cards && location.hash.startsWith("#i-")) document.getElementById(location.hash.slice(1))?.focus();
  arrived();
}
