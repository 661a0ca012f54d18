"use strict";
// Chainlit draws some buttons as bare pictures: here they get names, for screen readers and for who points at them.
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
