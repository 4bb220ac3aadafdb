/* <credits-packs>: the top-up packs of the catalog, each a link to where it is bought. api: another Coinpurse's origin.
   href: where a click leads. words: JSON with "each". What stands inside is shown until the packs are there.
   Style: ::part(list), ::part(pack). */

const CSS = `:host{display:block}ul{display:flex;flex-wrap:wrap;gap:.75em;margin:0;padding:0;list-style:none}
a{display:grid;padding:.7em 1em;border:1px solid;border-radius:.8em;color:inherit;text-decoration:none}
a:hover{text-decoration:underline}a:focus-visible{outline:3px solid;outline-offset:2px}`;

const make = (tag, part, ...children) => {
  const made = document.createElement(tag);
  if (part) made.setAttribute("part", part);
  made.append(...children);
  return made;
};

class CreditsPacks extends HTMLElement {
  async connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" }), sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    root.append(make("slot"));
    try {
      const answer = await fetch((this.getAttribute("api") || "") + "/v1/catalog");
      const { packs } = await answer.json();
      root.replaceChildren(make("ul", "list", ...packs.map((pack) => make("li", "", this.#link(pack)))));
    } catch {
      /* What stands inside stays. */
    }
  }

  #link({ name, credits, price: { amount, currency } }) {
    const money = (sum, format) =>
      sum.toLocaleString(this.closest("[lang]")?.lang || undefined, { style: "currency", currency, ...format });
    const { each } = { each: "per credit", ...JSON.parse(this.getAttribute("words")) };
    const one = money(amount / credits, { maximumFractionDigits: 4 });
    const link = make("a", "pack", make("b", "", name), make("span", "", money(+amount)), make("small", "", `${one} ${each}`));
    link.href = this.getAttribute("href") || "/subscriptions#topups";
    return link;
  }
}

customElements.get("credits-packs") || customElements.define("credits-packs", CreditsPacks);
