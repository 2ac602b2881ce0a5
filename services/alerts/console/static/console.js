// Keeps the list current, and adds keys, dialogs and a drawer to pages that work without them.

const root = document.documentElement;
const texts = JSON.parse(document.body.dataset.texts);
const table = document.getElementById("list");
const form = document.getElementById("act");
const drawer = document.getElementById("drawer");
const actDialog = document.getElementById("act-dialog");
const help = document.getElementById("help");
const MOST_ROWS = 200;

const say = (key, values = {}) => texts[key].replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
const byId = (id) => document.getElementById(`a-${id}`);
const rows = () => [...document.querySelectorAll("#rows > tr")];
const show = (element, text) => {
  element.textContent = text ?? "";
  element.hidden = !text;
};

// --- the zone of this browser: the server words every time

function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const cookie = `ebbtide_zone=${zone}`;
  if (!zone || zone === document.body.dataset.zone || document.cookie.split("; ").includes(cookie)) return;
  document.cookie = `${cookie}; path=/; max-age=31536000; samesite=lax`;
  if (document.cookie.includes(cookie) && document.querySelector("time")) location.reload();
}

// --- rows: a row is replaced only by a newer version of itself

const known = new Map();

function learn() {
  known.clear();
  for (const row of rows()) known.set(row.dataset.id, Number(row.dataset.version));
}

// Most severe first, then newest firing: the order of the server.
function before(one, other) {
  const [a, b] = [one.dataset, other.dataset];
  if (a.rank !== b.rank) return Number(a.rank) < Number(b.rank);
  return a.fired !== b.fired ? a.fired > b.fired : a.id > b.id;
}

function belongs(row) {
  const { afterRank, afterFired, afterId, more } = table.dataset;
  if (afterRank && before(row, { dataset: { rank: afterRank, fired: afterFired, id: afterId } })) return false;
  const last = rows().at(-1);
  return !more || (last !== undefined && before(row, last));
}

function patch({ alert_id: id, version, html }, { force = false } = {}) {
  const newest = known.get(id) ?? 0;
  if (force ? version < newest : version <= newest) return;
  known.set(id, version);
  if (drawer?.open && drawer.dataset.id === id && version > newest) openDrawer(id);
  const old = byId(id);
  const focused = old?.contains(document.activeElement);
  if (html === null) {
    const next = old?.nextElementSibling ?? old?.previousElementSibling;
    old?.remove();
    if (focused) next?.focus();
    return;
  }
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const row = holder.content.querySelector("tr");
  const checked = old?.querySelector("input:checked");
  old?.remove();
  if (!belongs(row) && !old) return;
  const next = rows().find((other) => before(row, other));
  document.getElementById("rows").insertBefore(row, next ?? null);
  row.classList.add("fresh");
  const box = row.querySelector("input");
  if (checked && box) box.checked = true;
  if (focused) row.focus();
}

function patchAll(patches, options) {
  for (const one of patches) patch(one, options);
  for (const surplus of rows().slice(MOST_ROWS)) {
    surplus.remove();
    table.dataset.more = "1";
  }
  document.getElementById("empty").hidden = rows().length > 0;
  showSelection();
  showAges();
}

// --- time: the server tells business time, here it only goes on

let told = 0;
let toldAt = 0;

function setNow(instant) {
  told = Date.parse(instant);
  toldAt = performance.now();
}

function showAges() {
  const now = told + performance.now() - toldAt;
  for (const time of document.querySelectorAll("#rows time")) {
    const seconds = Math.max((now - Date.parse(time.dateTime)) / 1000, 0);
    const [unit, length] = [["d", 86400], ["h", 3600], ["m", 60]].find(([, length]) => seconds >= length) ?? ["now", 1];
    const text = say(`age.${unit}`, { n: Math.floor(seconds / length) });
    if (time.textContent !== text) time.textContent = text;
  }
}

function showCounts(counts) {
  if (!counts) return;
  for (const place of document.querySelectorAll("[data-count]")) place.textContent = counts[place.dataset.count] ?? 0;
  const sum = Object.values(counts).reduce((one, other) => one + other, 0);
  document.title = `${sum ? `(${sum}) ` : ""}${document.title.replace(/^\(\d+\) /, "")}`;
}

// --- the stream

let source = null;
let since = "";
let wait = 1000;
let late = 0;

function listen() {
  const query = table.dataset.query;
  source = new EventSource(`/console/events?since=${since}${query ? `&${query}` : ""}`);
  const on = (kind, handle) =>
    source.addEventListener(kind, (event) => {
      const body = JSON.parse(event.data);
      setNow(body.now);
      showLive(true);
      showCounts(body.counts);
      handle(body);
      // Last: what was not taken over is to be told again.
      since = event.lastEventId || since;
    });
  on("rows", (body) => patchAll(body.rows));
  on("reload", reloadSoon);
  on("tick", showAges);
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) reloadSoon();
    else late ||= setTimeout(() => showLive(false), 3000);
  };
}

function showLive(live) {
  clearTimeout(late);
  late = 0;
  if (live) wait = 1000;
  const place = document.getElementById("live");
  place.className = live ? "scripted on" : "scripted off";
  if (place.dataset.said === String(live)) return;
  place.dataset.said = String(live);
  place.textContent = say(live ? "live.on" : "live.off");
}

function end() {
  source?.close();
  const place = document.getElementById("live");
  const link = document.createElement("a");
  link.href = `/console/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.textContent = say("live.sign_in");
  place.className = "scripted off";
  place.replaceChildren(`${say("live.ended")} · `, link);
}

let reloading = 0;

function reloadSoon() {
  source.close();
  if (!reloading) reloading = setTimeout(reload, wait);
  wait = Math.min(wait * 2, 30000);
}

// The whole list again: when there was too much to tell, or the stream was refused.
async function reload() {
  reloading = 0;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected && new URL(answer.url).pathname === "/console/sign-in") return end();
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const chosen = selected();
    const focused = document.activeElement?.closest?.("tr")?.dataset.id;
    document.getElementById("rows").replaceWith(document.adoptNode(page.getElementById("rows")));
    const chart = page.getElementById("chart");
    if (chart) document.getElementById("chart")?.replaceWith(document.adoptNode(chart));
    const fresh = page.getElementById("list").dataset;
    if (fresh.more) table.dataset.more = "1";
    else delete table.dataset.more;
    since = fresh.horizon;
    learn();
    setNow(fresh.now);
    for (const id of chosen) byId(id)?.querySelector("input")?.click();
    if (focused) byId(focused)?.focus();
    patchAll([]);
    listen();
  } catch {
    showLive(false);
    reloadSoon();
  }
}

// --- selection and acts

const selected = () => [...document.querySelectorAll("#rows input:checked")].map((box) => box.value);
let order = null;
let dialogFocus = null;

function showSelection() {
  const bar = document.getElementById("selection");
  if (!bar) return;
  const count = selected().length;
  bar.hidden = count === 0;
  bar.querySelector("[data-selected]").textContent = say("act.selected", { n: count });
  document.getElementById("all").checked = count > 0 && count === document.querySelectorAll("#rows input").length;
}

function openAct(act, ids) {
  if (!form || ids.length === 0) return;
  order = { act, ids };
  dialogFocus = document.activeElement;
  for (const part of form.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(act);
  form.querySelector("[data-text-label]").textContent = say(act === "resolve" ? "act.text_reason" : "act.text_comment");
  const name = byId(ids[0])?.dataset.name ?? drawer.querySelector("article")?.dataset.name;
  const values = { act: say(`act.${act}`), n: ids.length, name };
  form.querySelector("[data-heading]").textContent = say(ids.length === 1 ? "act.of_one" : "act.of_many", values);
  form.elements.text.value = "";
  form.elements.until.value = "";
  show(form.querySelector(".said"));
  actDialog.showModal();
  (["resolve", "comment"].includes(act) ? form.elements.text : form.elements.for).focus();
}

let telling = 0;

function tell(sentence) {
  const place = document.getElementById("told");
  show(place, sentence);
  clearTimeout(telling);
  telling = setTimeout(() => show(place), 6000);
}

async function submit(event) {
  event.preventDefault();
  const { for: span, until, text, outcome } = form.elements;
  const body = new URLSearchParams({ act: order.act, for: span.value, until: until.value, text: text.value });
  body.set("outcome", outcome.value);
  body.set("back", table.dataset.query);
  for (const id of order.ids) body.append("alert_id", id);
  const complain = (sentence) => show(form.querySelector(".said"), sentence);
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    const found = await answer.json();
    if (answer.status === 401) return end();
    if (!answer.ok) return complain(found.detail);
    actDialog.close();
    for (const id of order.ids) {
      const box = byId(id)?.querySelector("input");
      if (box && !(id in found.refusals)) box.checked = false;
    }
    patchAll(found.rows, { force: true });
    tell(found.said);
    if (drawer.open && order.ids.includes(drawer.dataset.id)) await openDrawer(drawer.dataset.id);
    const first = drawer.open ? null : (byId(order.ids[0]) ?? (dialogFocus?.isConnected ? dialogFocus : rows()[0]));
    first?.focus();
  } catch {
    complain(say("error.failed"));
  }
}

// --- the drawer

async function openDrawer(id) {
  drawer.dataset.id = id;
  try {
    const answer = await fetch(`/console/alerts/${id}?part=1`, { headers: { Accept: "text/html" } });
    if (answer.redirected) return end();
    if (!answer.ok || drawer.dataset.id !== id) return;
    const html = await answer.text();
    // The alert changed while it was open: what other services said stays.
    const known = new Map(drawer.open ? [...drawer.querySelectorAll("[data-panel]")].map((p) => [p.dataset.panel, p]) : []);
    drawer.innerHTML = html;
    if (!drawer.open) drawer.showModal();
    for (const place of drawer.querySelectorAll("[data-panel]")) {
      if (known.has(place.dataset.panel)) place.replaceWith(known.get(place.dataset.panel));
      else loadPanel(place);
    }
  } catch {
    showLive(false);
  }
}

// Each by itself: one that waits holds up no other.
async function loadPanel(place) {
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(place.dataset.panel, { headers: { Accept: "text/html" } });
    if (answer.redirected) return table && end();
    if (!answer.ok) throw new Error(String(answer.status));
    const holder = document.createElement("template");
    holder.innerHTML = await answer.text();
    place.replaceWith(holder.content.firstElementChild);
  } catch {
    place.removeAttribute("aria-busy");
    place.querySelector(".hint").textContent = say("error.failed");
  }
}

// --- keys and clicks

function current() {
  const row = document.activeElement?.closest?.("#rows > tr");
  return row ?? null;
}

function move(step) {
  const all = rows();
  const here = all.indexOf(current());
  const to = all[Math.min(Math.max(here + step, 0), all.length - 1)];
  to?.focus();
  to?.scrollIntoView({ block: "nearest" });
}

function act(name) {
  if (drawer.open) return drawer.querySelector(`[data-act=${name}]`) && openAct(name, [drawer.dataset.id]);
  const chosen = selected();
  const row = current();
  if (chosen.length > 0) openAct(name, chosen);
  else if (row?.querySelector("[data-act]")) openAct(name, [row.dataset.id]);
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  x: () => current()?.querySelector("input")?.click(),
  a: () => act("acknowledge"),
  s: () => act("snooze"),
  r: () => act("resolve"),
  c: () => act("comment"),
  "/": () => document.getElementById("q").focus(),
  "?": () => help.showModal(),
};
const inDrawer = new Set(["a", "s", "r", "c"]);

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && event.target.closest("input, select")) return event.target.blur();
  if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
  if (actDialog.open || help.open || (drawer.open && !inDrawer.has(event.key))) return;
  if (event.key === "Enter" && event.target.matches("#rows > tr")) return openDrawer(event.target.dataset.id);
  const handle = keys[event.key];
  if (!handle) return;
  event.preventDefault();
  handle();
}

function click(event) {
  const target = event.target.closest("button, a");
  if (!target) return;
  if ("again" in target.dataset) loadPanel(target.closest("[data-panel]"));
  else if (target.dataset.act && target.type === "button") {
    const ids = target.closest("#selection") ? selected() : [target.closest("[data-id]").dataset.id];
    openAct(target.dataset.act, ids);
  } else if ("close" in target.dataset) target.closest("dialog")?.close();
  else if ("clear" in target.dataset) {
    for (const box of document.querySelectorAll("#rows input:checked")) box.checked = false;
    showSelection();
  } else if (target.id === "help-open") help.showModal();
  else if (target.matches("#rows a.name, #drawer .others a") && !event.metaKey && !event.ctrlKey && !event.shiftKey) {
    event.preventDefault();
    openDrawer(target.href.split("/").at(-1));
  }
}

function start() {
  root.classList.add("js");
  tellZone();
  document.addEventListener("click", click);
  if (!table) return;
  if (form) {
    actDialog.append(form);
    form.addEventListener("submit", submit);
  }
  since = table.dataset.horizon;
  setNow(table.dataset.now);
  const shown = [...document.querySelectorAll("[data-count]")];
  showCounts(Object.fromEntries(shown.map((place) => [place.dataset.count, Number(place.textContent)])));
  learn();
  listen();
  setInterval(showAges, 15000);
  document.addEventListener("keydown", press);
  document.addEventListener("change", (event) => {
    if (event.target.id === "all") {
      for (const box of document.querySelectorAll("#rows input")) box.checked = event.target.checked;
    } else if (event.target.matches(".filters select")) return event.target.form.requestSubmit();
    showSelection();
  });
}

start();
