// A page that logs in by script goes on when its person has proven the second factor: its call takes until then.
// Calls that the gate holds are the only ones that are touched.
(() => {
  "use strict";
  const tag = document.currentScript;
  const base = new URL(tag.dataset.base, location.href).pathname;
  const statics = new URL(".", tag.src).pathname;
  const prefix = new URL("..", tag.src).pathname;
  const nativeFetch = window.fetch.bind(window);
  const NativeRequest = window.XMLHttpRequest;

  const isHeld = (status, mark, url) => status === 403 && mark === "1" && new URL(url).origin === location.origin;

  // The whole page asks instead: to enrol a first factor, after too many codes, or when the time is over.
  function leave() {
    location.assign(`${base}challenge`);
    return new Promise(() => {});
  }

  async function sheets() {
    const texts = ["style.css", "theme.css"].map(async (name) => (await nativeFetch(statics + name)).text());
    return Promise.all(
      texts.map(async (text) => {
        const sheet = new CSSStyleSheet();
        const rules = (await text).replaceAll(":root", ":host").replace(/(^|[\s,}])body(?=[\s,.:[{])/g, "$1.page");
        sheet.replaceSync(`${rules}\n.page { min-height: 0; padding: 16px; }`);
        return sheet;
      }),
    );
  }

  // The application's answer to the login, or null where the person gave up.
  async function prove() {
    const first = await nativeFetch(`${base}challenge`);
    if (!first.ok || new URL(first.url).pathname !== `${base}challenge`) return leave();
    const dialog = document.createElement("dialog");
    const host = dialog.appendChild(document.createElement("div"));
    const root = host.attachShadow({ mode: "open" });
    dialog.id = "tfa-dialog";
    dialog.style.cssText = "border: 0; padding: 0; border-radius: 10px; width: min(30rem, 94vw)";
    root.adoptedStyleSheets = await sheets();
    const show = async (response, message) => {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const body = document.createElement("div");
      body.className = `page ${page.body.className}`;
      body.lang = page.documentElement.lang;
      body.append(document.importNode(page.querySelector("main"), true));
      if (message) {
        const note = document.createElement("p");
        note.className = "note bad";
        note.setAttribute("role", "alert");
        note.textContent = message;
        body.querySelector("h1").after(note);
      }
      root.replaceChildren(body);
      dialog.setAttribute("aria-label", page.title);
      root.querySelector("[autofocus]")?.focus();
    };
    await show(first);
    document.body.append(dialog);
    dialog.showModal();
    root.querySelector("[autofocus]")?.focus();
    try {
      return await answered(dialog, root, show);
    } finally {
      dialog.remove();
    }
  }

  function answered(dialog, root, show) {
    return new Promise((resolve, reject) => {
      dialog.addEventListener("cancel", (event) => {
        event.preventDefault();
        root.querySelector("button[value=cancel]")?.click();
      });
      root.addEventListener("submit", (event) => {
        event.preventDefault();
        press(event.target, event.submitter, show).then((answer) => {
          if (answer !== undefined) resolve(answer);
        }, reject);
      });
    });
  }

  // What one button leads to: an answer, null for giving up, or undefined where the dialog goes on.
  async function press(form, button, show) {
    const fields = new URLSearchParams(new FormData(form));
    if (button?.name) fields.append(button.name, button.value);
    const response = await nativeFetch(form.getAttribute("action"), { method: "POST", body: fields });
    if (button?.value === "cancel") return null;
    const ours = new URL(response.url).pathname.startsWith(prefix);
    if (!ours || response.headers.get("Tfa-Answer") === "1") return response;
    if ((response.headers.get("Content-Type") || "").includes("json")) {
      const refusal = await response.json();
      if (refusal.error !== "second_factor_required") return leave();
      await show(await nativeFetch(`${base}challenge`), refusal.location);
    } else {
      await show(response);
    }
    return undefined;
  }

  window.fetch = async function fetch(...what) {
    const response = await nativeFetch(...what);
    if (!isHeld(response.status, response.headers.get("Tfa-Held"), response.url || location.href)) return response;
    const answer = await prove();
    if (!answer) return response;
    Object.defineProperty(answer, "url", { value: response.url });
    return answer;
  };

  const LATE = ["readystatechange", "progress", "load", "loadend"];

  window.XMLHttpRequest = class XMLHttpRequest extends NativeRequest {
    #proven = false;

    constructor() {
      super();
      // Before any listener of the page's own, so that these hear of the answer alone.
      for (const kind of LATE) this.addEventListener(kind, (event) => this.#hear(event));
    }

    #hear(event) {
      if (this.#proven || this.readyState < 2) return;
      if (!isHeld(this.status, this.getResponseHeader("Tfa-Held"), this.responseURL || location.href)) return;
      event.stopImmediatePropagation();
      if (event.type === "loadend") this.#goOn();
    }

    async #goOn() {
      const answer = await prove().catch(() => null);
      this.#proven = true;
      if (answer) await this.#take(answer);
      for (const kind of ["readystatechange", "load", "loadend"]) this.dispatchEvent(new ProgressEvent(kind));
    }

    async #take(answer) {
      const kind = this.responseType;
      const body = kind === "blob" ? await answer.blob() : await answer.arrayBuffer();
      const text = kind === "blob" ? "" : new TextDecoder().decode(body);
      const shaped = { blob: body, arraybuffer: body, json: kind === "json" ? parsed(text) : null };
      const facts = {
        status: answer.status,
        statusText: answer.statusText,
        response: kind in shaped ? shaped[kind] : text,
        getResponseHeader: (name) => answer.headers.get(name),
        getAllResponseHeaders: () => [...answer.headers].map((pair) => `${pair.join(": ")}\r\n`).join(""),
      };
      if (kind === "" || kind === "text") facts.responseText = text;
      for (const [name, value] of Object.entries(facts)) Object.defineProperty(this, name, { value });
    }
  };

  function parsed(text) {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  }
})();
