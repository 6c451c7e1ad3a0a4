// Shows the state that the server sends, and sends back what the person chooses. Words of the
// environment only ever become text, never markup. The charts are drawn by play_charts.js.

const at = id => document.getElementById(id);
let state = null, busy = false;

// ---------------------------------------------------------------- talking with the server

async function ask(path, body) {
  if (busy) return;
  busy = true;
  try {
    const options = body && {
      method: "POST",
      headers: {"Content-Type": "application/json"},
      body: JSON.stringify({ticket: state.ticket, ...body}),
    };
    const answer = await (await fetch(path, options || {})).json();
    if (answer.error) toast(answer.error);
    if (answer.state) show(answer.state);
  } catch (error) {
    toast("The server does not answer; see the terminal it was started from.");
  } finally {
    busy = false;
  }
}

const choose = letter => ask("/reply", {letter});
const goTo = index => ask("/world", {index});
let toastTimer = 0;

function toast(message) {
  at("toast").textContent = message;
  at("toast").classList.add("on");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => at("toast").classList.remove("on"), 4500);
}

// ---------------------------------------------------------------- showing a state

function show(next) {
  const sameEpisode = state && state.episode === next.episode;
  state = next;
  document.title = `${state.env} · world ${state.index}`;
  at("env").textContent = state.env;
  at("index").value = state.index;
  at("question").textContent = state.question;
  at("said").textContent = state.over ? "" : state.said;
  at("instructions").textContent = state.instructions;
  at("instructions").parentElement.hidden = !state.instructions;
  showTurns();
  showHistory();
  showPictures(state.looks.length - 1);
  showAnswers(sameEpisode);
  showActions();
  showEntropy();
  showOutcome();
  showTyping();
  applySwitches();
}

function showTurns() {
  const {turn, max_turns, over} = state;
  const last = max_turns === null ? "" : ` of ${max_turns}`;
  at("turn").textContent = over ? `${turn} ${turn === 1 ? "reply" : "replies"}` : `turn ${turn + 1}${last}`;
  const dots = Array.from({length: Math.min(max_turns || 0, 16)}, (_, index) =>
    make("i", index < turn ? "done" : index === turn && !over ? "now" : ""));
  at("dots").replaceChildren(...dots);
}

const source = (look, number) => `/picture/${state.episode}/${look}/${number}.png`;

function showPictures(look) {
  const count = state.looks[look].pictures, box = at("pictures");
  box.style.gridTemplateColumns = `repeat(${Math.ceil(Math.sqrt(count)) || 1}, 1fr)`;
  box.replaceChildren(...Array.from({length: count}, (_, number) => {
    const picture = make("img");
    picture.src = source(look, number);
    picture.alt = `view ${look + 1}`;
    picture.addEventListener("click", point);
    return picture;
  }));
  for (const [index, item] of [...at("history").children].entries()) {
    item.classList.toggle("shown", index === look);
  }
}

// An answer shows nothing new, so that it is no look of its own.
const isLook = look => look.kind !== "answer";

function showHistory() {
  const items = state.looks.map((look, index) => {
    const item = make("li"), button = make("button");
    button.type = "button";
    button.title = look.words;
    const thumbnail = make("img");
    if (look.pictures) thumbnail.src = source(index, 0);
    thumbnail.alt = "";
    button.append(thumbnail, make("span", "", look.words.replace(/^\[([^\]]*)\]/, "$1:")));
    button.addEventListener("click", () => showPictures(index));
    item.append(button);
    item.hidden = !isLook(look);
    return item;
  });
  at("history").replaceChildren(...items);
}

// ---------------------------------------------------------------- belief

const beliefs = () => state.looks.filter(look => look.belief && isLook(look));

function makeOption(option) {
  const button = make("button", "option");
  button.type = "button";
  button.dataset.letter = option.letter || "";
  const words = make("span", "words"), title = /^\[([^\]]*)\] */.exec(option.text);
  if (title) words.append(make("b", "", title[1]), " ");
  words.append(option.text.slice(title ? title[0].length : 0));
  const key = make("kbd", "", option.letter || "");
  key.hidden = !option.letter;
  button.append(key, words);
  button.addEventListener("click", () => {
    if (option.letter) choose(option.letter);
    else write(option.text, option.text.length);
  });
  return button;
}

function showAnswers(sameEpisode) {
  const known = beliefs().map(look => look.belief), now = known.at(-1), before = known.at(-2);
  const answers = state.options.filter(option => !option.action);
  if (!state.options.length && now) answers.push(...Object.keys(now).map(text => ({text})));
  const old = new Map([...at("answers").children].map(row => [row.dataset.text, row]));
  const rows = answers.map(option => {
    // A row that stays is kept, so that its bar moves from where it was.
    const same = sameEpisode && old.get(option.text);
    const row = same && same.dataset.letter === (option.letter || "") ? same : makeOption(option);
    row.dataset.text = option.text;
    if (!row.querySelector(".bar")) addBar(row);
    return row;
  });
  const names = Math.max(3, ...answers.map(option => option.text.length));
  at("answers").style.setProperty("--names", `min(${names + 1}ch, 45%)`);
  at("answers").replaceChildren(...rows);
  for (const row of rows) showAnswer(row, now, before);
  at("answers-card").hidden = !rows.length;
  at("answers-card").classList.toggle("unlettered", !state.options.length);
  at("legend").textContent = before ? "outline: before the latest look" : "";
}

function showAnswer(row, now, before) {
  const text = row.dataset.text, share = now && text in now ? now[text] : null;
  const last = state.looks.at(-1);
  row.disabled = state.over;
  row.classList.toggle("gold", state.gold === text);
  row.classList.toggle("wrong", state.over && last.words === text && state.gold !== text);
  row.classList.toggle("ruled-out", share === 0);
  moveBar(row, share, before ? before[text] || 0 : null);
}

function showActions() {
  const actions = state.options.filter(option => option.action);
  const most = Math.max(...beliefs().map(look => look.entropy), 0) || 1;
  const rows = actions.map(option => {
    const row = makeOption(option), gain = state.gains[option.letter];
    row.disabled = state.over;
    if (gain !== undefined) {
      const bar = make("span", "bar"), fill = make("i");
      fill.style.width = `${Math.min(100, Math.max(0, (100 * gain) / most))}%`;
      bar.append(fill);
      row.append(bar, make("span", "number", gain.toFixed(2)));
    }
    return row;
  });
  at("actions").replaceChildren(...rows);
  at("actions-card").hidden = !rows.length || state.over;
}

// ---------------------------------------------------------------- uncertainty

function showEntropy() {
  const looks = beliefs();
  at("uncertainty").hidden = !looks.length;
  if (!looks.length) return;
  const values = looks.map(look => look.entropy), now = values.at(-1);
  at("entropy").textContent = now.toFixed(2);
  const change = values.length > 1 ? now - values.at(-2) : null;
  const moved = Math.abs(change) >= 0.005;
  at("change").textContent = change === null ? "" : !moved ? "±0"
    : (change < 0 ? "−" : "+") + Math.abs(change).toFixed(2);
  at("change").className = change < -0.005 ? "good" : change > 0.005 ? "bad" : "muted";
  at("meaning").textContent = now < 0.005
    ? "the answer is proven"
    : `as with ${Math.exp(now).toFixed(1)} equally likely answers`;
  const room = Math.max(values.length, Math.min(state.max_turns || 6, 8));
  drawCurve(at("curve"), values, Math.log(Object.keys(looks[0].belief).length), room);
}

// ---------------------------------------------------------------- the end

function showOutcome() {
  const box = at("outcome");
  box.className = state.success ? "good" : "bad";
  if (!state.over) return box.replaceChildren();
  const known = beliefs().at(-1), share = known && state.gold in known.belief ? known.belief[state.gold] : null;
  const title = state.success ? "Right" : state.looks.at(-1).kind === "answer" ? "Wrong" : "Out of turns";
  const words = make("p", "", state.gold === null ? "" : `The answer is ${state.gold}.`);
  if (share !== null) {
    words.textContent += share > 1 - 1e-9 ? " What was seen proves it."
      : ` By what was seen, its probability was ${shareWords(share)}.`;
  }
  const [next, again] = [make("button", "plain strong", "next world "), make("button", "plain", "same world again")];
  next.append(make("kbd", "", "n"));
  next.addEventListener("click", () => goTo(state.index + 1));
  again.addEventListener("click", () => goTo(state.index));
  box.replaceChildren(make("strong", "", title), words, next, again);
}

// ---------------------------------------------------------------- typed replies

function showTyping() {
  const typed = !state.options.length && !state.over;
  at("typing").hidden = !typed;
  at("pictures").classList.toggle("pointing", typed);
  if (!typed) return;
  at("typed").value = "";
  // What the instructions write like a call, such as "pick(x, y)", gets a button.
  const calls = [...state.instructions.matchAll(/\b([a-z]\w*)\(/g)].map(match => match[1]);
  at("verbs").replaceChildren(...[...new Set(calls)].map(verb => {
    const button = make("button", "plain", verb);
    button.type = "button";
    button.addEventListener("click", () => write(`${verb}()`, verb.length + 1));
    return button;
  }));
}

function write(text, caret) {
  at("typed").value = text;
  at("typed").focus();
  at("typed").setSelectionRange(caret, caret);
}

// Puts where the picture was clicked, as shares of its width and height, at the caret.
function point(event) {
  if (at("typing").hidden) return;
  const area = event.target.getBoundingClientRect(), field = at("typed");
  const share = (value, start, size) => Math.min(1, Math.max(0, (value - start) / size)).toFixed(2);
  const place = `${share(event.clientX, area.left, area.width)}, ${share(event.clientY, area.top, area.height)}`;
  const verb = at("verbs").firstElementChild;
  if (!field.value && verb) write(`${verb.textContent}()`, verb.textContent.length + 1);
  const old = /-?\d*\.\d+, *-?\d*\.\d+/;
  const text = field.value, caret = field.selectionStart ?? text.length;
  const next = old.test(text) ? text.replace(old, place) : text.slice(0, caret) + place + text.slice(caret);
  write(next, next.indexOf(place) + place.length);
  const pin = make("span", "pin"), frame = at("pictures").getBoundingClientRect();
  pin.style.left = `${event.clientX - frame.left}px`;
  pin.style.top = `${event.clientY - frame.top}px`;
  at("pictures").querySelector(".pin")?.remove();
  at("pictures").append(pin);
}

function send(kind) {
  const text = at("typed").value.trim();
  if (text) ask("/reply", {text, kind});
}

at("typing").addEventListener("submit", event => {
  event.preventDefault();
  send(event.submitter.dataset.kind);
});

// Enter sends what was typed as what it looks like: a call is an action, other words an answer.
at("typed").addEventListener("keydown", event => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const text = at("typed").value;
  send(text.includes("<") ? "written" : /^\s*\w+\s*\(.*\)\s*$/.test(text) ? "action" : "answer");
});

// ---------------------------------------------------------------- switches and keys

function applySwitches() {
  const hasBelief = beliefs().length > 0, hasGains = Object.keys(state.gains).length > 0;
  at("show-belief").parentElement.hidden = !hasBelief;
  at("show-gains").parentElement.hidden = !hasGains && !state.over;
  document.body.classList.toggle("no-belief", !at("show-belief").checked || !hasBelief);
  document.body.classList.toggle("no-gains", !at("show-gains").checked || !hasGains);
}

for (const id of ["show-belief", "show-gains"]) at(id).addEventListener("change", applySwitches);
at("next").addEventListener("click", () => goTo(state.index + 1));
at("index").addEventListener("change", () => goTo(Math.max(0, Math.trunc(Number(at("index").value)) || 0)));
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !state) return;
  if (event.target.matches("input:not([type=checkbox])")) return;
  const key = event.key.toUpperCase();
  if (!state.over && state.options.some(option => option.letter === key)) choose(key);
  else if (key === "N") goTo(state.index + 1);
});

ask("/state");
