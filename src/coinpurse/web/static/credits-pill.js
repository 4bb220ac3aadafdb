/* <credits-pill href="/subscriptions">: the credits that can be spent now, live.
   api: another Coinpurse's origin. token-url: answers {token, expires_at}. low: say "low" at this many. words: JSON.
   available, sequence: as rendered by the server. Fires "credits". Style: ::part(chip), ::part(details), --coin … */

const WORDS = {
  available: "credits available", monthly: "Monthly", addon: "Add-on", promo: "Promotional", compensation: "Compensation",
  held: "Held", never: "never expire", of: "of", resets: "resets", renewing: "renewing",
  stale: "Offline: last known number", loading: "Loading credits", added: "Credits added.", low: "Credits are low.",
  none: "No credits left.", due: "A payment is missing.",
};

const CSS = `:host{--bg:#fff;--fg:#1b2333;--dim:#566076;--line:#d5dae3;--coin:#8a5a00;
display:inline-block;position:relative;font:600 15px/1.4 system-ui,sans-serif}
@supports (color:light-dark(red,red)){:host{--bg:light-dark(#fff,#1b2130);--fg:light-dark(#1b2333,#eef1f7);
--dim:light-dark(#566076,#a8b1c4);--line:light-dark(#d5dae3,#3a4358);--coin:light-dark(#8a5a00,#f2bd4f)}}
a,div{background:var(--bg);color:var(--fg);border:1px solid var(--line)}
a{display:flex;align-items:center;gap:.4em;padding:.4em;padding-inline:.5em .8em;border-radius:2em;
text-decoration:none;white-space:nowrap}
a:hover{border-color:currentColor}
a:focus-visible{outline:3px solid;outline-offset:2px}
span,b{font-variant-numeric:tabular-nums}
svg{width:1.4em;fill:var(--coin);stroke:var(--bg);stroke-width:1.5}
:host([stale]) a{border-style:dashed;color:var(--dim)}
:host([stale]) svg{fill:var(--dim)}
div{position:absolute;z-index:9;inset-inline-end:0;top:100%;width:max-content;min-width:14em;max-width:calc(100vw - 2em);
padding:.8em 1em;border-radius:.8em;box-sizing:border-box;box-shadow:0 8px 30px #0003;font-weight:400;visibility:hidden}
:host(:hover) div,a:focus-visible~div{visibility:visible}
:host([quiet]) div{display:none}
p{display:flex;justify-content:space-between;gap:2em;margin:0}
small{display:block;color:var(--dim)}
p~p{margin-top:.4em}
output{position:absolute;clip-path:inset(50%);white-space:nowrap}
@media (forced-colors:active){svg{fill:LinkText;stroke:Canvas}}`;

const put = (element, attributes, ...children) => {
  for (const name in attributes) element.setAttribute(name, attributes[name]);
  element.append(...children);
  return element;
};
const make = (tag, ...children) => put(document.createElement(tag), {}, ...children);
const draw = (tag, ...rest) => put(document.createElementNS("http://www.w3.org/2000/svg", tag), ...rest);
const pause = (time) => new Promise((done) => setTimeout(done, time));

class CreditsPill extends HTMLElement {
  balance; #token; #life; #run; #words; #wire;
  #number = make("span"); #link = make("a"); #rows = make("section"); #note = make("i"); #said = make("output");

  connectedCallback() {
    if (!this.shadowRoot) this.#build();
    this.#life = new AbortController();
    const { signal } = this.#life, listen = (target, name, act) => target.addEventListener(name, act, { signal });
    const start = () => this.#start(), calm = () => this.removeAttribute("quiet");
    listen(document, "visibilitychange", start);
    listen(window, "online", start);
    listen(window, "offline", () => this.#stale(true));
    listen(document, "keydown", ({ key }) => key == "Escape" && this.setAttribute("quiet", ""));
    listen(this, "focusout", calm);
    listen(this, "mouseleave", calm);
    start();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#stop();
  }

  #build() {
    const root = this.attachShadow({ mode: "open" }), sheet = new CSSStyleSheet(), given = this.getAttribute("available");
    sheet.replaceSync(CSS);
    root.adoptedStyleSheets = [sheet];
    this.#words = { ...WORDS, ...JSON.parse(this.getAttribute("words")) };
    put(this.#link, { href: this.getAttribute("href") || "/subscriptions", part: "chip", "aria-describedby": "more" },
      draw("svg", { viewBox: "0 0 24 24", "aria-hidden": true }, draw("circle", { cx: 12, cy: 12, r: 11, stroke: "none" }),
        draw("path", { d: "M15 9.7a3.4 3.4 0 1 0 0 4.6M12 4.4a7.6 7.6 0 1 0 .1 0", fill: "none" })),
      this.#number);
    root.append(this.#link, put(make("div", this.#rows, this.#note),
      { id: "more", part: "details", role: "tooltip" }), this.#said);
    if (given) this.balance = { available: +given, sequence: +this.getAttribute("sequence") };
    this.#write(given ? this.#short(+given) : this.textContent.match(/\d[\d.,]*[KMBT]?/)?.[0]);
  }

  /* A hidden page holds no connection: a browser has few. */
  #start() {
    this.#stop();
    this.#run = new AbortController();
    if (!document.hidden) this.#follow(this.#run.signal).catch(() => {});
  }

  #stop() {
    this.#run?.abort();
    this.#wire?.close();
    this.#wire = null;
  }

  /* Every tab asks once, which tells whose credits these are. Then one tab of that account follows the stream and tells the others
     what it hears: a balance, 1 for "no answer", 0 for "I am new: what do you know?". */
  async #follow(signal) {
    let account;
    const ask = async () => {
      const balance = await (await this.#get("balance", signal)).json();
      this.#show(balance);
      account = balance.account;
    };
    const until = async (turn) => {
      for (let wait = 1000; !signal.aborted; await pause(wait)) {
        try {
          if (!(wait = await turn())) return;
        } catch {
          if (signal.aborted) return;
          this.#stale(true);
          this.#wire?.postMessage(1);
          wait = Math.min(wait * 2, 30000);
        }
      }
    };
    /* The stream; where there is none, the balance every few seconds. */
    const lead = () => until(() => this.#stream(signal).then(() => 1000, () => ask().then(() => 8000)));
    await until(ask);
    if (signal.aborted) return;
    if (!navigator.locks) return lead();
    const name = "credits " + this.#url() + account;
    this.#wire = new BroadcastChannel(name);
    this.#wire.onmessage = ({ data }) =>
      data == 1 ? this.#stale(true) : data ? this.#show(data, 1) : this.balance.buckets && this.#wire.postMessage(this.balance);
    this.#wire.postMessage(0);
    navigator.locks.request(name, { signal }, lead).catch(() => {});
  }

  #url() { return (this.getAttribute("api") || "") + "/v1/me/"; }

  async #get(path, signal) {
    const ask = async (url, headers) => {
      const answer = await fetch(url, { headers, signal, cache: "no-store" });
      if (answer.status == 401) this.#token = null;
      if (!answer.ok) throw answer;
      return answer;
    };
    if (!(this.#lasts() > 30000))
      this.#token = await (await ask(this.getAttribute("token-url") || "/session")).json();
    return ask(this.#url() + path, { Authorization: "Bearer " + this.#token.token });
  }

  #lasts() { return Date.parse(this.#token?.expires_at) - Date.now(); }

  /* Reads events until they end, fall silent, or the token is about to expire. */
  async #stream(outer) {
    const stop = new AbortController(), abort = () => stop.abort();
    outer.addEventListener("abort", abort);
    let silence = setTimeout(abort, 8000), text = "", seen, part, expiry;
    try {
      const { body } = await this.#get("stream", stop.signal);
      expiry = setTimeout(abort, Math.min(Math.max(this.#lasts() - 30000, 60000), 2e9));
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      while (!(part = await reader.read()).done) {
        clearTimeout(silence);
        silence = setTimeout(abort, 45000);
        const lines = (text + part.value).split("\n");
        text = lines.pop();
        for (const line of lines) if (line.startsWith("data:")) this.#show(seen = JSON.parse(line.slice(5)));
      }
    } catch (error) {
      if (!seen) throw error;
    } finally {
      clearTimeout(silence);
      clearTimeout(expiry);
      abort();
    }
  }

  #show(balance, told) {
    const before = this.balance, known = before?.account, { account, available, held, buckets, sequence, as_of } = balance;
    this.#stale(false);
    if (before && (known ?? account) == account
      && (sequence - before.sequence || Date.parse(as_of) - Date.parse(before.as_of)) < 0) return;
    this.balance = balance;
    this.#write(this.#short(available));
    this.#explain(balance);
    this.dispatchEvent(new CustomEvent("credits", { detail: balance, bubbles: true }));
    if (!known) return;
    if (known != account) return this.#start();
    told || this.#wire?.postMessage(balance);
    /* Speak of what a listener would miss, not of every spend. */
    const words = this.#words, low = this.getAttribute("low") ?? buckets.monthly.allocation / 10;
    const due = ({ subscription }) => subscription?.status == "past_due";
    const what = due(balance) > due(before) ? words.due : available + held > before.available + before.held ? words.added
      : !available && before.available ? words.none : available <= low && before.available > low && words.low;
    if (what) this.#said.value = `${what} ${this.#full(available)} ${words.available}`;
  }

  #write(text) {
    const { available, loading, stale } = this.#words;
    this.#number.textContent = text || "–";
    put(this.#link, { "aria-label": text ? `${text} ${available}${this.hasAttribute("stale") ? ". " + stale : ""}` : loading });
  }

  #stale(stale) {
    this.toggleAttribute("stale", stale);
    this.#note.textContent = stale ? this.#words.stale : "";
    this.#write(this.#number.textContent.replace("–", ""));
  }

  #explain({ buckets: { monthly, addon, other }, held }) {
    const words = this.#words, rows = [], row = (kind, count, ...notes) =>
      rows.push(make("p", make("span", words[kind]), make("b", this.#full(count))), ...notes.map((note) => make("small", note)));
    const { available, allocation, renewing, renews_at } = monthly;
    const date = new Date(renews_at).toLocaleDateString(this.#lang, { dateStyle: "long", timeZone: "UTC" });
    if (allocation)
      row("monthly", available, renewing ? words.renewing : `${words.of} ${this.#full(allocation)}`,
        ...(renews_at ? [`${words.resets} ${date}`] : []));
    for (const { kind, available } of other) row(kind, available);
    row("addon", addon.available, words.never);
    if (held) row("held", held);
    this.#rows.replaceChildren(...rows);
  }

  get #lang() { return this.closest("[lang]")?.lang || undefined; }

  /* In full up to 99,999, then compact, rounded down. */
  #short(count) {
    return this.#full(count, count < 1e5 ? {} : { notation: "compact", maximumFractionDigits: 1, roundingMode: "trunc" });
  }

  #full(count, format) { return count.toLocaleString(this.#lang, { useGrouping: true, ...format }); }
}

customElements.get("credits-pill") || customElements.define("credits-pill", CreditsPill);
