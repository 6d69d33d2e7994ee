/* The voucher grid: every line with the keyboard alone. Without this script the form still works, field by field. */
"use strict";

const form = document.getElementById("voucher");
const DIGITS = "零壹贰叁肆伍陆柒捌玖";
const PLACES = [[1000n, "仟"], [100n, "佰"], [10n, "拾"], [1n, ""]];

/* Amounts are whole fen (BigInt), as everywhere in these books; null: not an amount. */
function fenOf(text) {
  const found = /^(-?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.([0-9]{1,2}))?$/.exec(text.trim());
  if (!found) return null;
  const fen = BigInt(found[2].replaceAll(",", "")) * 100n + BigInt((found[3] || "").padEnd(2, "0"));
  return found[1] ? -fen : fen;
}

function yuan(fen) {
  const whole = fen < 0n ? -fen : fen;
  const head = String(whole / 100n).replace(/\B(?=(\d{3})+$)/g, ",");
  return (fen < 0n ? "-" : "") + head + "." + String(whole % 100n).padStart(2, "0");
}

function wholeInWords(number) {
  for (const [unit, word] of [[100000000n, "亿"], [10000n, "万"]]) {
    if (number >= unit) {
      const high = number / unit, low = number % unit;
      return wholeInWords(high) + word + (low > 0n && low < unit / 10n ? "零" : "") + wholeInWords(low);
    }
  }
  let words = "", gap = false;
  for (const [place, word] of PLACES) {
    const digit = (number / place) % 10n;
    if (digit) words += (gap && words ? "零" : "") + DIGITS[Number(digit)] + word;
    gap = !digit;
  }
  return words;
}

function inWords(fen) {
  const size = fen < 0n ? -fen : fen;
  const whole = size / 100n, jiao = (size % 100n) / 10n, odd = size % 10n;
  let words = fen < 0n ? "人民币负" : "人民币";
  if (whole || !fen) words += (wholeInWords(whole) || "零") + "元";
  if (jiao) words += DIGITS[Number(jiao)] + "角";
  else if (whole && odd) words += "零";
  return words + (odd ? DIGITS[Number(odd)] + "分" : "整");
}

const accounts = [...document.querySelectorAll("#accounts li")].map((item) => ({ ...item.dataset }));
const body = document.getElementById("lines");
const list = document.getElementById("choices");
const rows = () => [...body.rows];
const cell = (row, name) => row.querySelector(`[name="${name}"]`);
let chosen = 0, choices = [], choosing = null;

function known(code) { return accounts.find((one) => one.code === code); }

/* By code first, then by pinyin initials, then by any part of the title. */
function matching(text) {
  const wanted = text.trim().toLowerCase();
  const ranks = [
    (one) => one.code.startsWith(wanted), (one) => one.initials.startsWith(wanted),
    (one) => one.title.includes(wanted), (one) => one.initials.includes(wanted),
  ];
  return accounts
    .map((one) => [ranks.findIndex((fits) => fits(one)), one])
    .filter(([rank]) => rank >= 0).sort((a, b) => a[0] - b[0]).map(([, one]) => one);
}

function show(input) {
  choosing = input;
  choices = matching(input.value).slice(0, 10);
  chosen = 0;
  list.replaceChildren(...choices.map((one, at) => {
    const item = document.createElement("li");
    item.setAttribute("role", "option");
    item.id = `choice-${at}`;
    item.textContent = `${one.code} ${one.title}`;
    item.addEventListener("mousedown", (event) => { event.preventDefault(); chosen = at; take(); next(input); });
    return item;
  }));
  const place = input.closest("td");
  place.append(list);
  list.hidden = choices.length === 0;
  input.setAttribute("aria-expanded", String(!list.hidden));
  mark();
}

function mark() {
  [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
  if (choosing && choices.length) choosing.setAttribute("aria-activedescendant", `choice-${chosen}`);
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
}

function hide() {
  list.hidden = true;
  choosing?.setAttribute("aria-expanded", "false");
  choosing?.removeAttribute("aria-activedescendant");
  choosing = null;
}

function take() {
  if (choosing && !list.hidden && choices[chosen]) choosing.value = choices[chosen].code;
  settle(choosing);
  hide();
}

/* Show a row's title, and only the dimension that its account asks for. */
function settle(input) {
  if (!input) return;
  const row = input.closest("tr"), account = known(input.value.trim());
  const unknown = Boolean(input.value.trim()) && !account && (input !== choosing || choices.length === 0);
  row.querySelector(".title").textContent = account ? account.title : unknown ? "没有这个科目" : "";
  row.querySelector(".title").classList.toggle("red", unknown);
  for (const name of ["bank", "project"]) {
    const field = cell(row, name);
    if (!field) continue;
    const off = !account || account.needs !== name;
    field.tabIndex = off ? -1 : 0;
    field.classList.toggle("off", off);
    if (off) field.value = "";
    else if (!field.value) field.value = above(row, name) || (field.options?.length === 2 ? field.options[1].value : "");
  }
}

function above(row, name) {
  for (let one = row.previousElementSibling; one; one = one.previousElementSibling) {
    if (cell(one, name)?.value) return cell(one, name).value;
  }
  return "";
}

function sums(except) {
  const total = { debit: 0n, credit: 0n };
  for (const row of rows()) {
    if (row === except) continue;
    for (const side of ["debit", "credit"]) total[side] += fenOf(cell(row, side).value) ?? 0n;
  }
  return total;
}

function count() {
  for (const row of rows()) {
    for (const side of ["debit", "credit"]) {
      const field = cell(row, side), fen = fenOf(field.value);
      field.classList.toggle("red", fen !== null && fen < 0n);
      field.setAttribute("aria-invalid", String(Boolean(field.value.trim()) && fen === null));
    }
  }
  const { debit, credit } = sums(null), left = debit - credit;
  document.getElementById("debit-total").textContent = yuan(debit);
  document.getElementById("credit-total").textContent = yuan(credit);
  document.getElementById("in-words").textContent = inWords(debit);
  const difference = document.getElementById("difference");
  difference.textContent = left === 0n ? "借贷平衡" : `${left > 0n ? "借" : "贷"}方多 ${yuan(left < 0n ? -left : left)}`;
  difference.classList.toggle("red", left !== 0n);
}

function balance(input) {
  const row = input.closest("tr"), { debit, credit } = sums(row), left = debit - credit;
  cell(row, "debit").value = left < 0n ? yuan(-left) : "";
  cell(row, "credit").value = left > 0n ? yuan(left) : "";
  count();
}

function renumber() { rows().forEach((row, at) => { row.cells[0].textContent = String(at + 1); }); }

function addRow(from) {
  const row = rows()[0].cloneNode(true);
  row.querySelector("#choices")?.remove();
  for (const field of row.querySelectorAll("input, select")) {
    const source = from && cell(from, field.name);
    field.value = source ? source.value : "";
  }
  row.querySelector(".title").textContent = "";
  if (from) from.after(row); else body.append(row);
  settle(cell(row, "account"));
  renumber();
  count();
  return row;
}

function next(input) {
  const row = input.closest("tr");
  const fields = ["account", "bank", "project", "debit", "credit"].map((name) => cell(row, name)).filter((one) => one && one.type !== "hidden" && !one.classList.contains("off"));
  const at = fields.indexOf(input);
  const { debit, credit } = sums(null);
  if (input.name === "account" && !input.value.trim() && debit === credit && debit !== 0n) {
    document.getElementById("submit").focus();
    return;
  }
  if (input.name === "credit" || (input.name === "debit" && input.value.trim()) || at + 1 >= fields.length) {
    cell(row.nextElementSibling ?? addRow(null), "account").focus();
  } else {
    fields[at + 1].focus();
  }
}

function onKey(event) {
  const input = event.target;
  if (input.name === "account" && !list.hidden && ["ArrowDown", "ArrowUp"].includes(event.key)) {
    chosen = (chosen + (event.key === "ArrowDown" ? 1 : choices.length - 1)) % choices.length;
    mark();
  } else if (event.key === "Escape" && !list.hidden) {
    hide();
  } else if (event.key === "Enter" && event.ctrlKey) {
    form.requestSubmit(document.getElementById("submit"));
  } else if (event.key === "F8") {
    form.requestSubmit(document.getElementById("save"));
  } else if (event.key === "Enter" && input.closest("tbody")) {
    if (input.name === "account" && input.value.trim()) take(); else hide();
    next(input);
  } else if (event.key === "Enter" && ["day", "sheets", "narration"].includes(input.name)) {
    const order = ["day", "sheets", "narration"], to = order[order.indexOf(input.name) + 1];
    (to ? form.elements[to] : cell(rows()[0], "account")).focus();
  } else if (event.key === "=" && ["debit", "credit"].includes(input.name)) {
    balance(input);
  } else if (event.key === "F7" && input.closest("tbody")) {
    cell(addRow(input.closest("tr")), input.name).focus();
  } else if (event.key === "Delete" && event.ctrlKey && input.closest("tbody") && rows().length > 1) {
    const row = input.closest("tr"), to = row.nextElementSibling ?? row.previousElementSibling;
    hide();
    document.getElementById("keeper").append(list);
    row.remove();
    renumber();
    count();
    cell(to, "account").focus();
  } else {
    return;
  }
  event.preventDefault();
}

/* What is typed outlives a session that ends: it waits in this tab, for this voucher, until it is saved. */
const keep = form?.dataset.keep;

function remember() {
  const kept = [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !["form_token", "then"].includes(name));
  sessionStorage.setItem(keep, JSON.stringify(kept));
}

function restore() {
  const kept = JSON.parse(sessionStorage.getItem(keep) ?? "null");
  if (!kept || form.dataset.refused) return;
  const rowFields = ["account", "bank", "project", "debit", "credit"];
  let row = -1;
  for (const [name, value] of kept) {
    if (!rowFields.includes(name)) { form.elements[name].value = value; continue; }
    if (name === "account") {
      row += 1;
      if (!rows()[row]) addRow(null);
      cell(rows()[row], "account").value = value;
      settle(cell(rows()[row], "account"));
    } else if (cell(rows()[row], name)) {
      cell(rows()[row], name).value = value;
    }
  }
  document.getElementById("restored").hidden = false;
}

function files() {
  const drop = document.getElementById("drop"), input = document.getElementById("file"), names = document.getElementById("file-names");
  const say = () => { names.textContent = [...input.files].map((file) => file.name).join("、"); };
  input.addEventListener("change", say);
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    const all = new DataTransfer();
    for (const file of [...input.files, ...event.dataTransfer.files]) all.items.add(file);
    input.files = all.files;
    say();
  });
}

if (form && body) {
  for (const row of rows()) settle(cell(row, "account"));
  restore();
  count();
  files();
  form.addEventListener("keydown", onKey);
  form.addEventListener("input", (event) => {
    if (event.target.name === "account") { show(event.target); settle(event.target); }
    if (event.target.name === "debit" && event.target.value.trim()) cell(event.target.closest("tr"), "credit").value = "";
    if (event.target.name === "credit" && event.target.value.trim()) cell(event.target.closest("tr"), "debit").value = "";
    count();
    remember();
  });
  form.addEventListener("focusout", (event) => { if (event.target === choosing) { hide(); settle(event.target); } });
  document.getElementById("copy").addEventListener("click", () => {
    const filled = rows().filter((row) => cell(row, "account").value.trim());
    cell(addRow(filled.at(-1) ?? null), "account").focus();
  });
}
for (const one of document.querySelectorAll("[data-saved]")) sessionStorage.removeItem(one.dataset.saved);
