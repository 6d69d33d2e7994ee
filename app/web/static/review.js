/* The review queue: one tick ticks all. */
"use strict";

const all = document.getElementById("all");
all?.addEventListener("change", () => {
  for (const one of document.querySelectorAll('input[name="voucher"]')) one.checked = all.checked;
});
