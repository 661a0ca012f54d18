"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const film = $("film"), lanes = $("lanes"), scroll = $("scroll"), head = $("head").firstElementChild, hover = $("hover");
  const rows = [...document.querySelectorAll("#shots tbody tr")];
  const [num, den] = data.rate, frame = den / num;
  let at = 0, zoom = 1, shown = null;

  // Times as they are written in the page.
  const clock = (s) => {
    const tenths = Math.max(0, Math.round(s * 10)), h = Math.floor(tenths / 36000), m = Math.floor((tenths % 36000) / 600);
    const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
    return h ? `${h}:${String(m).padStart(2, "0")}:${rest}` : `${m}:${rest}`;
  };
  const timecode = (s) => {
    let n = Math.max(0, Math.floor(s / frame + 1e-3));
    if (data.drop) {
      const d = data.nominal / 15, ten = data.nominal * 600 - 9 * d, rest = n % ten;
      n += d * (9 * Math.floor(n / ten) + Math.floor(Math.max(0, rest - d) / (data.nominal * 60 - d)));
    }
    const two = (v) => String(v).padStart(2, "0"), sec = Math.floor(n / data.nominal);
    return `${two(Math.floor(sec / 3600) % 24)}:${two(Math.floor(sec / 60) % 60)}:${two(sec % 60)}${data.drop ? ";" : ":"}${two(n % data.nominal)}`;
  };
  const shotAt = (s) => {
    let low = 0, high = data.shots.length - 1;
    while (low < high) {
      const mid = (low + high + 1) >> 1;
      if (data.shots[mid][1] <= s + 1e-4) low = mid; else high = mid - 1;
    }
    return data.shots.length ? data.shots[low] : null;
  };

  // The one place in the film that all parts of the page show.
  function show(s) {
    at = Math.min(Math.max(0, s), data.seconds);
    const x = `${(100 * at) / data.seconds}%`;
    head.setAttribute("x1", x);
    head.setAttribute("x2", x);
    $("code").textContent = timecode(at);
    $("time").textContent = clock(at);
    lanes.setAttribute("aria-valuenow", at.toFixed(2));
    lanes.setAttribute("aria-valuetext", clock(at));
    const shot = shotAt(at);
    if (shot && shot[0] !== shown) mark(shot[0]);
  }
  function mark(index) {
    shown = index;
    document.querySelectorAll("#shots tr.on, .shot.on").forEach((e) => e.classList.remove("on"));
    const row = $(`shot-${index}`), card = $("card");
    row.classList.add("on");
    const box = lanes.querySelector(`.shot[data-shot="${index}"]`);
    if (box) box.classList.add("on");
    card.replaceChildren();
    const line = (name, parts) => {
      const div = document.createElement("div"), label = document.createElement("span"), value = document.createElement("div");
      label.textContent = name;
      value.append(...parts);
      div.append(label, value);
      card.append(div);
    };
    const copy = (cell) => [...cell.childNodes].map((n) => n.cloneNode(true));
    line("Shot", [row.querySelector(".n b").textContent + " · ", ...[...row.querySelectorAll(".n small, .time small:not(.code)")].map((e) => e.textContent).join(" · ")]);
    row.querySelectorAll("td[data-name]").forEach((cell) => { if (cell.textContent.trim()) line(cell.dataset.name, copy(cell)); });
  }
  // Half a frame later, or rounding may show the frame before.
  function seek(s) {
    show(s);
    document.body.classList.remove("away");
    if (film.readyState > 0) film.currentTime = Math.min(at + frame / 2, film.duration || at);
    else pending = at;
    keepInSight();
  }
  let pending = null;
  film.addEventListener("loadedmetadata", () => {
    $("chooser").hidden = true;
    if (pending !== null) film.currentTime = pending + frame / 2;
    pending = null;
  });
  film.addEventListener("error", () => {
    if (!film.getAttribute("src")) return;
    $("chooser").hidden = false;
    $("why").textContent = film.src.startsWith("blob:") ? "This file cannot be played here. Choose another one." : "The film does not lie beside this page. Choose it to play it here; nothing is sent anywhere.";
  });
  $("file").addEventListener("change", (e) => {
    const file = e.target.files[0];
    if (!file) return;
    if (film.src.startsWith("blob:")) URL.revokeObjectURL(film.src);
    pending = at;
    film.src = URL.createObjectURL(file);
  });
  const follow = () => {
    if (!film.seeking && film.readyState > 0) show(Math.max(0, film.currentTime - (film.paused ? frame / 2 : 0)));
    if (!film.paused) requestAnimationFrame(follow);
  };
  film.addEventListener("play", follow);
  film.addEventListener("seeked", follow);

  // Clicks: whatever carries a time, else the place on the timeline.
  const timeUnder = (e) => {
    const box = lanes.getBoundingClientRect();
    return Math.min(1, Math.max(0, (e.clientX - box.left) / box.width)) * data.seconds;
  };
  document.addEventListener("click", (e) => {
    const spot = e.target.closest("[data-t]");
    if (spot && !window.getSelection().toString()) return seek(Number(spot.dataset.t));
    const lane = e.target.closest("#lanes");
    if (!lane) return;
    let s = timeUnder(e);
    if (e.target.closest("[data-lane=beats]") && data.beats.length) s = data.beats.reduce((a, b) => (Math.abs(b - s) < Math.abs(a - s) ? b : a));
    seek(s);
  });
  lanes.addEventListener("pointermove", (e) => {
    const s = timeUnder(e), x = `${(100 * s) / data.seconds}%`, shot = shotAt(s);
    hover.setAttribute("x1", x);
    hover.setAttribute("x2", x);
    const parts = [clock(s), timecode(s)];
    if (shot) parts.push(`shot ${shot[0]}`);
    const value = (name) => data.curves[name] && data.curves[name][Math.min(data.curves[name].length - 1, Math.floor((s / data.seconds) * data.curves[name].length))];
    if (data.curves.motion) parts.push(`motion ${value("motion").toFixed(2)} widths/s`);
    if (data.curves.luma) parts.push(`brightness ${value("luma").toFixed(0)}`);
    if (data.curves.level) parts.push(`level ${value("level").toFixed(0)} dBFS`);
    $("readout").textContent = parts.join(" · ");
  });
  lanes.addEventListener("pointerleave", () => {
    hover.setAttribute("x1", -1);
    hover.setAttribute("x2", -1);
    $("readout").textContent = "";
  });

  // Round times, a hundred pixels or more apart.
  function ruler(width) {
    const lane = lanes.querySelector("[data-lane=ruler]"), [line, text] = [lane.querySelector("line"), lane.querySelector("text")];
    const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
    const step = steps.find((s) => (s / data.seconds) * width > 90) || 7200, marks = [];
    for (let k = 0; k * step < data.seconds - step / 3; k++) {
      const x = `${(100 * k * step) / data.seconds}%`, tick = line.cloneNode(), name = text.cloneNode();
      tick.setAttribute("x1", x);
      tick.setAttribute("x2", x);
      name.setAttribute("x", x);
      name.textContent = step < 1 ? clock(k * step) : clock(k * step).slice(0, -2);
      marks.push(tick, name);
    }
    if (marks.length) lane.replaceChildren(...marks);
  }

  // Zoom: pictures keep their shape, numbers stay where they fit.
  function layOut() {
    lanes.setAttribute("width", `${100 * zoom}%`);
    const width = lanes.getBoundingClientRect().width, strip = [...lanes.querySelectorAll("image")];
    if (strip.length) {
      const tall = Number(strip[0].getAttribute("height")), picture = document.querySelector("#shots img");
      const shape = picture && picture.naturalHeight ? picture.naturalWidth / picture.naturalHeight : 16 / 9;
      const count = Math.max(1, Math.min(strip.length, Math.round(width / (tall * shape))));
      strip.forEach((e) => e.setAttribute("visibility", "hidden"));
      for (let k = 0; k < count; k++) {
        const e = strip[Math.floor(((k + 0.5) / count) * strip.length)];
        e.setAttribute("visibility", "visible");
        e.setAttribute("x", `${(100 * k) / count}%`);
        e.setAttribute("width", `${100 / count}%`);
      }
    }
    ruler(width);
    lanes.querySelectorAll("text.fits").forEach((e) => {
      const share = parseFloat(e.parentNode.querySelector("rect").getAttribute("width")) / 100;
      e.setAttribute("visibility", share * width > 7 * e.textContent.length + 3 ? "visible" : "hidden");
    });
  }
  function setZoom(to) {
    const width = lanes.getBoundingClientRect().width, left = (at / data.seconds) * width - scroll.scrollLeft;
    zoom = Math.min(64, Math.max(1, to));
    layOut();
    scroll.scrollLeft = (at / data.seconds) * lanes.getBoundingClientRect().width - (left > 0 && left < scroll.clientWidth ? left : scroll.clientWidth / 2);
  }
  function keepInSight() {
    const x = (at / data.seconds) * lanes.getBoundingClientRect().width - scroll.scrollLeft;
    if (x < 0 || x > scroll.clientWidth) scroll.scrollLeft += x - scroll.clientWidth / 2;
  }
  $("in").addEventListener("click", () => setZoom(zoom * 2));
  $("out").addEventListener("click", () => setZoom(zoom / 2));
  $("fit").addEventListener("click", () => setZoom(1));
  new ResizeObserver(layOut).observe(scroll);
  const first = document.querySelector("#shots img");
  if (first && !first.complete) first.addEventListener("load", layOut);

  // Keys.
  function step(by) {
    const visible = rowsInOrder().filter((r) => !r.hidden), now = visible.findIndex((r) => Number(r.dataset.shot) === shown);
    const row = visible[Math.min(visible.length - 1, Math.max(0, now + by))];
    if (!row) return;
    seek(Number(row.dataset.t));
    if (document.activeElement && document.activeElement.closest("#shots")) row.querySelector("button").focus({ preventScroll: true });
    if (scrollY > $("shots").offsetTop - innerHeight) row.scrollIntoView({ block: "nearest" });
  }
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.closest("input, select, video, summary")) return;
    const press = e.target.closest("button") && (e.key === " " || e.key === "Enter");
    if (press) return;
    const acts = {
      ArrowRight: () => step(1), ArrowLeft: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1),
      ".": () => seek(at + frame), ",": () => seek(at - frame), "+": () => setZoom(zoom * 2), "=": () => setZoom(zoom * 2),
      "-": () => setZoom(zoom / 2), Home: () => seek(0), End: () => seek(data.seconds - frame),
      " ": () => { if (film.readyState > 0) film.paused ? film.play() : film.pause(); },
    };
    const page = (e.key === "ArrowDown" || e.key === "ArrowUp" || e.key === "Home" || e.key === "End") && !e.target.closest("#shots, #lanes");
    if (!acts[e.key] || page) return;
    e.preventDefault();
    acts[e.key]();
  });

  // Order and filter of the table.
  const body = document.querySelector("#shots tbody"), heads = [...document.querySelectorAll("#shots th button")];
  const rowsInOrder = () => [...body.rows];
  function order(key, up) {
    const value = (r) => { const n = Number(r.dataset[key]); return r.dataset[key] !== "" && !Number.isNaN(n) ? n : r.dataset[key]; };
    const sorted = [...rows].sort((a, b) => {
      const x = value(a), y = value(b), d = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
      return (up ? d : -d) || a.dataset.n - b.dataset.n;
    });
    body.replaceChildren(...sorted);
    heads.forEach((h) => {
      const th = h.parentNode;
      if (h.dataset.sort === key) th.setAttribute("aria-sort", up ? "ascending" : "descending"); else th.removeAttribute("aria-sort");
    });
  }
  heads.forEach((h) => h.addEventListener("click", () => order(h.dataset.sort, h.parentNode.getAttribute("aria-sort") !== "ascending")));
  $("order").addEventListener("change", (e) => order(e.target.value, e.target.value === "n" || e.target.value === "verdict"));
  $("find").addEventListener("input", (e) => {
    const words = e.target.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((r) => {
      r.hidden = !words.every((w) => r.dataset.find.includes(w));
      count += !r.hidden;
    });
    $("found").textContent = words.length ? `${count} of ${rows.length}` : "";
  });

  // The player goes along when it is scrolled away; light and dark.
  new IntersectionObserver(([entry]) => document.body.classList.toggle("mini", !entry.isIntersecting && entry.boundingClientRect.top < 0)).observe($("stage"));
  $("hide").addEventListener("click", () => {
    film.pause();
    document.body.classList.add("away");
  });
  $("theme").addEventListener("click", () => {
    const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  layOut();
  show(0);
})();
