/* <credits-meter>: a bar of what is left of the plan's monthly credits. It has no connection of its own: it shows what the
   <credits-pill> of the same page hears. words: JSON with "left". Style: ::part(bar), ::part(text), --coin, --line. */

const CSS = `:host{--coin:#8a5a00;--line:#d5dae3;display:inline-grid;gap:.3em;min-width:10em;font:14px/1.4 system-ui,sans-serif}
@supports (color:light-dark(red,red)){:host{--coin:light-dark(#8a5a00,#f2bd4f);--line:light-dark(#d5dae3,#3a4358)}}
div{height:.6em;border-radius:.3em;background:var(--line);overflow:hidden}
i{display:block;height:100%;background:var(--coin)}
@media (forced-colors:active){div{border:1px solid}i{background:Highlight;forced-color-adjust:none}}`;

class CreditsMeter extends HTMLElement {
  #life; #bar = document.createElement("div"); #fill = document.createElement("i"); #text = document.createElement("span");

  connectedCallback() {
    if (!this.shadowRoot) this.#build();
    this.#life = new AbortController();
    document.addEventListener("credits", ({ detail }) => this.#show(detail), this.#life);
    const known = document.querySelector("credits-pill")?.balance;
    if (known?.buckets) this.#show(known);
  }

  disconnectedCallback() { this.#life.abort(); }

  #build() {
    const root = this.attachShadow({ mode: "open" }), sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    this.#bar.setAttribute("role", "meter");
    this.#bar.setAttribute("part", "bar");
    this.#text.setAttribute("part", "text");
    this.#text.setAttribute("aria-hidden", "true");
    this.#bar.append(this.#fill);
    root.append(document.createElement("slot"));
  }

  #show({ buckets: { monthly: { available, allocation } } }) {
    this.hidden = !allocation;
    if (!allocation) return;
    const lang = this.closest("[lang]")?.lang || undefined, say = (count) => count.toLocaleString(lang);
    const { left } = { left: "%1 of %2 monthly credits left", ...JSON.parse(this.getAttribute("words")) };
    this.#text.textContent = left.replace("%1", say(available)).replace("%2", say(allocation));
    const now = { "aria-valuemin": 0, "aria-valuemax": allocation, "aria-valuenow": available, "aria-label": this.#text.textContent };
    for (const name in now) this.#bar.setAttribute(name, now[name]);
    this.#fill.style.width = Math.min(100 * available / allocation, 100) + "%";
    this.shadowRoot.replaceChildren(this.#bar, this.#text);
  }
}

customElements.get("credits-meter") || customElements.define("credits-meter", CreditsMeter);
