/* What scripts add to the pages: they follow the account live, say instants in the reader's own time as well, and keep a form from
   being sent twice. Everything works without. */

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

function sayLocally(root) {
  if (zone === "UTC" || new Date().getTimezoneOffset() === 0) return;
  for (const time of root.querySelectorAll("dd time:not([title]), h1 time:not([title]), strong time:not([title])")) {
    const instant = new Date(time.dateTime);
    time.title = instant.toLocaleString(document.documentElement.lang, { dateStyle: "long", timeStyle: "short", hour12: false }) + " (" + zone + ")";
    const local = document.createElement("span");
    local.className = "local";
    local.textContent = time.title;
    time.append(local);
  }
}

let waiting, latest = -Infinity;
function refreshIn(milliseconds) {
  clearTimeout(waiting);
  waiting = setTimeout(refresh, milliseconds);
}

/* Fetches this page anew and puts its living parts in place of the old. What has the focus keeps it; what is being sent stays. Where
   no answer comes, it asks again a little later. */
let asked = 0;
async function refresh() {
  const turn = ++asked;
  latest = performance.now();
  let text;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (answer.status >= 500) throw answer;
    text = answer.ok && (await answer.text());
  } catch {
    return turn === asked && refreshIn(5000);
  }
  if (!text || turn !== asked) return;
  const fresh = new DOMParser().parseFromString(text, "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (!next || part.querySelector("input:focus, [aria-busy]")) continue;
    const focused = part.contains(document.activeElement) && document.activeElement.textContent;
    for (const open of part.querySelectorAll("details[open]")) {
      const same = next.querySelector("#" + open.id);
      if (same) same.open = true;
    }
    part.replaceChildren(...next.childNodes);
    if (focused === false) continue;
    const same = [...part.querySelectorAll("a, button, summary")].find((one) => one.textContent === focused);
    (same ?? document.getElementById("main")).focus({ preventScroll: true });
  }
  sayLocally(document);
}

let shown = Number(document.querySelector("credits-pill")?.getAttribute("sequence"));
document.addEventListener("credits", ({ detail }) => {
  if (detail.sequence === shown || !document.querySelector("[data-live]")) return;
  shown = detail.sequence;
  /* At once, but not more than every two seconds: a busy account changes all the time. */
  refreshIn(Math.max(150, latest + 2000 - performance.now()));
});

document.addEventListener("submit", (event) => {
  const button = event.target.querySelector("button");
  if (button?.ariaBusy === "true") return event.preventDefault();
  if (button) button.ariaBusy = "true";
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-busy]")) button.ariaBusy = null;
});

sayLocally(document);
