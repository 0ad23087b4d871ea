// Hands a picture of the clipboard to the uploader, exactly as if it had been chosen from the disk.
// The clipboard is read only when somebody presses the button or pastes; nothing else looks at it.

const NO_PICTURE = "The clipboard holds no image. Copy one, then paste again.";
const BY_KEY = "This browser lets no button read the clipboard: press Ctrl+V, or ⌘V on a Mac.";
const GONE = "The place for the image is not on the page yet. Wait a moment, then paste again.";

export default function ({ parentElement, data }) {
  const button = parentElement.querySelector("button");
  const words = parentElement.querySelector("[role=status]");
  const say = (text) => { words.textContent = text; };

  const give = (file) => {
    const input = document.querySelector(`.st-key-${data.uploader} input[type=file]`);
    if (!input) return say(GONE);
    const carrier = new DataTransfer();
    carrier.items.add(file);
    input.files = carrier.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    say("");
  };

  const onPaste = (event) => {
    if (event.defaultPrevented || document.querySelector("[role=dialog]")) return;
    const files = [...(event.clipboardData?.files ?? [])];
    const hasText = [...(event.clipboardData?.types ?? [])].includes("text/plain");
    if (takesText(event) && (hasText || !files.length)) return;
    if (!files.length) return say(NO_PICTURE);
    event.preventDefault();
    give(files.find(isPicture) ?? files[0]);
  };

  const onPress = async () => {
    if (!navigator.clipboard?.read) return say(BY_KEY);
    try {
      const file = await firstPicture(await navigator.clipboard.read());
      return file ? give(file) : say(NO_PICTURE);
    } catch {
      return say(BY_KEY);
    }
  };

  parentElement.listening?.abort();
  const listening = new AbortController();
  parentElement.listening = listening;
  document.addEventListener("paste", onPaste, { signal: listening.signal });
  button.addEventListener("click", onPress, { signal: listening.signal });
  return () => listening.abort();
}

const isPicture = (file) => file.type.startsWith("image/");

const takesText = (event) => {
  const at = event.composedPath()[0];
  return at instanceof Element && Boolean(at.closest("input, textarea, [contenteditable=true]"));
};

async function firstPicture(items) {
  for (const item of items) {
    const type = item.types.find((name) => name.startsWith("image/"));
    if (!type) continue;
    const blob = await item.getType(type);
    return new File([blob], `pasted.${type.slice("image/".length)}`, { type });
  }
  return null;
}
