/* What scripts add to the console: the line for the ticket is copied by a button, a link into the page opens what it leads to, and a
   form is not sent twice. Everything works without. */

const line = document.getElementById("summary");
if (line && navigator.clipboard) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button plain small";
  button.textContent = line.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(line.value);
    button.textContent = line.dataset.copied;
    setTimeout(() => { button.textContent = line.dataset.copy; }, 2000);
  });
  line.after(button);
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (event.target.method === "get" || !button) return;
  if (button.ariaBusy === "true") return event.preventDefault();
  button.ariaBusy = "true";
});
window.addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("button[aria-busy]")) button.ariaBusy = null;
});
