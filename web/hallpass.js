// Enhancement only: every page works without this file. It lets countdowns tick, keeps states fresh, copies, prints,
// and checks the request form while one types. It never sends a decision by itself.
"use strict";

// The server's clock is the truth; the browser's may be off.
const offset = Number(document.body.dataset.now) * 1000 - Date.now();
const now = () => Date.now() + offset;

// ---- words for time: the same rules as the server's
const plural = (n, unit) => `${n} ${unit}`;
function duration(s) {
  if (s < 60) return plural(s, "s");
  if (s < 7200 && s !== 3600) {
    const rest = s % 60;
    return rest && s < 300 ? `${Math.floor(s / 60)} min ${rest} s` : plural(Math.floor(s / 60), "min");
  }
  const hours = Math.floor(s / 3600), minutes = Math.floor((s % 3600) / 60);
  if (s < 172800) return minutes ? `${hours} h ${minutes} min` : `${hours} h`;
  const days = Math.floor(s / 86400), rest = Math.floor((s % 86400) / 3600);
  return rest ? `${days} d ${rest} h` : `${days} d`;
}
const rounded = (s) => duration(s - (s % (s < 300 ? 1 : s < 86400 ? 60 : s < 172800 ? 3600 : 86400)));

// ---- one quiet voice for assistive technology
const voice = document.createElement("p");
voice.className = "sr";
voice.setAttribute("role", "status");
document.body.append(voice);
const say = (text) => { voice.textContent = text; };

// ---- ticking
function tick() {
  for (const el of document.querySelectorAll("time[data-countdown]")) {
    const left = Math.max(0, Math.round((Date.parse(el.dateTime) - now()) / 1000));
    const text = left < 600 && left >= 60 ? `${Math.floor(left / 60)} min ${left % 60} s` : rounded(left);
    if (el.textContent !== text) el.textContent = text;
    if ([900, 300, 60].includes(left)) say(`${duration(left)} left`);
    if (left === 0 && !el.hasAttribute("data-over")) {
      el.setAttribute("data-over", "");
      if (Date.parse(el.dateTime) > loadedAt) { say("The time is up"); refreshSoon(); }
    }
  }
}
function relative() {
  for (const el of document.querySelectorAll("[data-rel]")) {
    const s = Math.round((Date.parse(el.dataset.rel) - now()) / 1000);
    const text = Math.abs(s) < 5 ? "now" : s > 0 ? `in ${rounded(s)}` : `${rounded(-s)} ago`;
    if (el.textContent !== text) el.textContent = text;
  }
}
const loadedAt = now();
if (document.querySelector("time[data-countdown]")) { setInterval(tick, 1000); tick(); }
setInterval(relative, 10000);

// ---- live status: fetch this page again and swap the parts that changed
const main = document.getElementById("main");
let failures = 0, timer = 0, dirty = false;
document.addEventListener("input", () => { dirty = true; });

// What a part says, without the texts that change by themselves.
function essence(part) {
  const copy = part.cloneNode(true);
  for (const el of copy.querySelectorAll("[data-countdown], [data-rel]")) { el.textContent = ""; el.removeAttribute("data-over"); }
  for (const el of copy.querySelectorAll("details")) el.open = false;
  for (const el of copy.querySelectorAll("input[name=csrf]")) el.remove();
  for (const el of copy.querySelectorAll("[data-copy]")) el.hidden = true;
  return copy.innerHTML;
}
function swap(old, fresh) {
  const active = document.activeElement;
  if (old.contains(active) && active.matches("input, textarea, select")) return;
  const focusable = "a[href], button, summary, [tabindex]";
  const at = old.contains(active) ? [...old.querySelectorAll(focusable)].indexOf(active) : -1;
  old.replaceChildren(...[...fresh.childNodes].map((n) => document.importNode(n, true)));
  if (at >= 0) old.querySelectorAll(focusable)[at]?.focus();
  enhance(old);
}
async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html", "Hallpass-Live": "1" }, credentials: "same-origin", cache: "no-store", redirect: "manual" });
  if (answer.type === "opaqueredirect" || answer.status === 401) { stopLive("You were signed out. Load the page again to sign in."); return; }
  if (!answer.ok) throw new Error(String(answer.status));
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("main");
  if (!fresh) throw new Error("no main");
  if (fresh.dataset.state !== main.dataset.state && !dirty) { location.reload(); return; }
  let changed = false;
  for (const part of main.querySelectorAll("[data-part]")) {
    const other = page.getElementById(part.id);
    if (other && essence(other) !== essence(part)) { swap(part, other); changed = true; }
  }
  for (const [old, next] of [[".tabs", ".tabs"], [".demo .count", ".demo .count"], ["title", "title"]]) {
    const a = document.querySelector(old), b = page.querySelector(next);
    if (a && b && a.innerHTML !== b.innerHTML && !a.contains(document.activeElement)) a.replaceChildren(...[...b.childNodes].map((n) => document.importNode(n, true)));
  }
  if (changed) { tick(); relative(); say("Updated"); }
  if (!fresh.dataset.live) stopLive();
}
function stopLive(message) {
  clearTimeout(timer);
  timer = 0;
  delete main.dataset.live;
  if (message) {
    const p = document.createElement("p");
    p.className = "notice warn";
    p.setAttribute("role", "status");
    p.textContent = message;
    main.prepend(p);
  }
}
function schedule(seconds) {
  clearTimeout(timer);
  timer = setTimeout(async () => {
    if (document.hidden) return; // visibilitychange starts it again
    try { await refresh(); failures = 0; } catch { failures += 1; }
    const every = Number(main.dataset.live);
    if (every) schedule(Math.min(60, every * 2 ** Math.min(failures, 5)));
  }, seconds * 1000);
}
function refreshSoon() { if (main?.dataset.live) schedule(0.3); }
if (main?.dataset.live) {
  schedule(Number(main.dataset.live));
  document.addEventListener("visibilitychange", () => { if (!document.hidden && main.dataset.live) schedule(0.1); });
}

// ---- the request form: "check" while one types, into the preview only
const form = document.querySelector("form[data-check]");
if (form) {
  let wait = 0, asked = 0;
  // getAttribute: a button named "action" hides the property.
  const check = async () => {
    const mine = ++asked, data = new URLSearchParams(new FormData(form));
    data.set("action", "check");
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body: data, headers: { Accept: "text/html" }, credentials: "same-origin", redirect: "error" });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("preview"), old = document.getElementById("preview");
      if (mine === asked && fresh && old && essence(fresh) !== essence(old)) swap(old, fresh);
    } catch { /* the button "Check" says what is wrong */ }
  };
  const later = (event) => { if (event.target.matches("[name=for], [name=for_text], [name^='scope.']")) { clearTimeout(wait); wait = setTimeout(check, 350); } };
  form.addEventListener("input", later);
}

// ---- small things
function enhance(root) {
  for (const button of root.querySelectorAll("[data-copy], [data-print]")) button.hidden = false;
}
enhance(document);
document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const label = copy.querySelector("span"), text = copy.closest(".command, dd").querySelector("code").textContent.trimEnd();
    try { await navigator.clipboard.writeText(text); label.textContent = "Copied"; } catch { label.textContent = "Select and copy it"; }
    say(label.textContent);
    setTimeout(() => { label.textContent = "Copy"; }, 2500);
  }
  if (event.target.closest("[data-print]")) print();
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) { menu.open = false; menu.querySelector("summary").focus(); }
});
document.getElementById("errors")?.focus();
