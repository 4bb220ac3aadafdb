/* The studio without reloads: forms are sent in the background, and the answer's living parts take the place of the old ones. The pill
   needs nothing from here: it follows the account by itself. */

document.documentElement.classList.add("js");

const form = document.getElementById("create");
const price = document.getElementById("price");

/* Puts what the server rendered in place of what is there. */
function swap(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const part of document.querySelectorAll("details[open][id]")) fresh.getElementById(part.id)?.setAttribute("open", "");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (next) part.replaceChildren(...next.childNodes);
  }
  const key = fresh.querySelector("#create [name=key]");
  if (key) form.elements.key.value = key.value;
}

function announceWork() {
  const works = document.getElementById("works");
  works.querySelector(".none")?.remove();
  const tile = document.createElement("li");
  tile.className = "work new";
  tile.ariaLabel = "Being made";
  works.prepend(tile);
}

async function send(target, submitter) {
  const body = new FormData(target, submitter);
  const buttons = [...document.querySelectorAll("main button, .clock button")];
  const focused = submitter?.value || submitter?.name;
  buttons.forEach((button) => (button.disabled = true));
  if (!target.hasAttribute("data-quiet")) announceWork();
  try {
    const answer = await fetch(target.action, { method: "POST", body, headers: { Accept: "text/html" } });
    if (!answer.ok) return location.reload();
    swap(await answer.text());
    sayPrice();
  } catch {
    location.reload();
  } finally {
    buttons.forEach((button) => (button.disabled = false));
    document.querySelector(`.clock button[value="${CSS.escape(focused ?? "")}"]`)?.focus();
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("#create, .clock form:not([data-leaves]), .work form")) return;
  event.preventDefault();
  if (event.submitter?.name === "idea") form.elements.prompt.value = event.submitter.value;
  send(event.target, event.submitter);
});

document.getElementById("customer").addEventListener("change", (event) => event.target.form.submit());

/* What the chosen work would cost, and which credits would pay for it. */
let asked = 0;
async function sayPrice() {
  const chosen = new FormData(form);
  const operation = chosen.get("operation");
  if (!operation) return;
  const quantity = operation === "video.second" ? chosen.get("seconds") : 1;
  const turn = ++asked;
  const answer = await fetch(`/studio/quote?operation=${encodeURIComponent(operation)}&quantity=${quantity}`).catch(() => null);
  const { text, affordable } = answer?.ok ? await answer.json() : {};
  if (text && turn === asked) price.textContent = affordable ? text : `${text}: more than you have`;
}
form.addEventListener("change", sayPrice);
document.addEventListener("credits", sayPrice);
sayPrice();
