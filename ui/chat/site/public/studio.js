"use strict";
// What Chainlit's page lacks: names of buttons that are bare pictures, answers that are read out, addresses that stay.
(() => {
  const NAMES = {
    "#sidebar-trigger-button": "Show or hide the conversations",
    "#search-chats-button": "Search the conversations",
    "#new-chat-button": "New conversation",
    "#thread-options": "Rename or delete this conversation",
    "#readme-button": "About this page",
    "#user-nav-button": "Who is signed in",
    "#upload-button": "Attach files",
    "#chat-submit": "Send",
    "#stop-button": "Stop",
    "button:has(> .lucide-arrow-down)": "To the newest message",
  };
  const set = (element, name, value) => {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };

  function name() {
    for (const [which, said] of Object.entries(NAMES)) {
      for (const button of document.querySelectorAll(which)) {
        set(button, "aria-label", said);
        if (button.tagName === "BUTTON") set(button, "title", said);
        if (button.tagName === "DIV" || button.getAttribute("role") === "presentation") set(button, "role", "button");
      }
    }
    const field = document.getElementById("chat-input");
    if (field) set(field, "aria-label", "What shall we make?");
    // answers are read out as they come; the bars of running work, which move five times a second, are not
    const talk = document.querySelector(".step")?.parentElement;
    if (talk) {
      set(talk, "role", "log");
      set(talk, "aria-label", "Conversation");
    }
    for (const work of document.querySelectorAll("button[id^='step-']")) set(work.closest(".step"), "aria-live", "off");
  }

  // A conversation that has begun keeps its own address: a reload shows it again, and not an empty page.
  window.addEventListener("message", (e) => {
    const name = e.source === window && e.data && e.data.conversation;
    if (typeof name !== "string" || !/^[0-9a-f-]{36}$/.test(name) || location.pathname.includes("/thread/")) return;
    const root = document.querySelector('meta[property="og:root_path"]')?.content || "";
    history.replaceState(history.state, "", `${root}/thread/${name}`);
  });

  // The page's name, for who cannot see the logo; outside of what React draws.
  const head = document.createElement("header"), title = document.createElement("h1");
  title.textContent = "Animation AI Studio";
  head.className = "sr-only";
  head.append(title);

  let due = false;
  const soon = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      name();
    });
  };
  const begin = () => {
    document.body.prepend(head);
    new MutationObserver(soon).observe(document.body, { childList: true, subtree: true });
    name();
  };
  if (document.body) begin(); else document.addEventListener("DOMContentLoaded", begin);
})();
