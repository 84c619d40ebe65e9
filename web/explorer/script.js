// Fetches the page again when a block comes, and says how long ago things were.
// Everything works without it.
"use strict";
(() => {
  const WAIT_MS = 1000; // between two fetches
  const RETRY_MS_MAX = 60000;
  const sign = document.getElementById("live");
  let main = document.querySelector("main[data-live]");
  let fetching = false;
  let wanted = false;
  let retry = 1000;

  const ago = (seconds) => {
    if (seconds < 1) return "now";
    if (seconds < 120) return `${Math.floor(seconds)} s ago`;
    if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
    return null;
  };

  const ages = () => {
    for (const time of document.querySelectorAll("td time[datetime], dd time[datetime]")) {
      const since = (Date.now() - Date.parse(time.dateTime)) / 1000;
      const said = since >= 0 ? ago(since) : null;
      if (!time.title) time.title = time.textContent;
      time.textContent = said ?? time.title;
    }
  };

  const refresh = async () => {
    // Whoever reads, marks or prints is not disturbed, and a page that nobody sees is not fetched.
    const busy = document.hidden || !document.getSelection().isCollapsed;
    if (fetching || !wanted || busy) return;
    fetching = true;
    wanted = false;
    try {
      const reply = await fetch(location.href, { cache: "no-cache", redirect: "error" });
      if (reply.ok) {
        const page = new DOMParser().parseFromString(await reply.text(), "text/html");
        const fresh = page.querySelector("main");
        const focused = main.contains(document.activeElement) && document.activeElement.href;
        if (fresh && fresh.innerHTML !== main.innerHTML) {
          const height = page.getElementById("as-of");
          document.getElementById("as-of")?.replaceWith(height ? document.adoptNode(height) : "");
          main.replaceWith(document.adoptNode(fresh));
          main = fresh;
          ages();
          offer();
          const same = (link) => link.href === focused;
          if (focused) [...main.querySelectorAll("a")].find(same)?.focus({ preventScroll: true });
        }
        if (!fresh.hasAttribute("data-live")) socket?.close();
      }
    } catch {
      // The next block is another chance.
    }
    setTimeout(() => {
      fetching = false;
      refresh();
    }, WAIT_MS);
  };

  // A block page offers to check the block's certificate here.
  const offer = () => {
    const place = document.getElementById("check");
    if (!place) return;
    const { number, epochBlocks, genesis, hash } = place.dataset;
    const button = document.createElement("button");
    button.textContent = "Check in this browser";
    button.onclick = async () => {
      const say = (kind, what) => {
        place.className = kind;
        place.textContent = what;
      };
      say("soft", "Checking …");
      try {
        const { check } = await import("/explorer/finality.mjs");
        const asked = { number: Number(number), epochBlocks: Number(epochBlocks), genesis };
        const tell = (epoch, last) => say("soft", `Checking epoch ${epoch} of ${last} …`);
        const final = await check(asked, tell);
        if (final !== hash) throw new Error(`block ${number} that is final is ${final}`);
        const what = "final, by committees that follow from the first, which this node named";
        say("badge good", `checked by this browser: ${what}`);
      } catch (error) {
        say("badge bad", `not shown to be final: ${error.message}`);
      }
    };
    place.replaceChildren(button);
  };

  let socket = null;
  const listen = () => {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    socket = new WebSocket(`${scheme}//${location.host}/`);
    socket.onopen = () => {
      const ask = { jsonrpc: "2.0", id: 1, method: "eth_subscribe", params: ["newHeads"] };
      socket.send(JSON.stringify(ask));
      sign.textContent = "· live";
      retry = 1000;
    };
    socket.onmessage = (message) => {
      if (!message.data.includes("eth_subscription")) return;
      wanted = true;
      refresh();
    };
    socket.onclose = () => {
      sign.textContent = "";
      if (!main.hasAttribute("data-live")) return;
      setTimeout(listen, retry);
      retry = Math.min(2 * retry, RETRY_MS_MAX);
    };
  };

  for (const input of document.querySelectorAll("input[aria-label]")) {
    input.placeholder = input.getAttribute("aria-label");
  }
  ages();
  offer();
  setInterval(ages, 1000);
  if (main && sign) {
    listen();
    document.addEventListener("visibilitychange", refresh);
    document.addEventListener("selectionchange", refresh);
  }
})();
