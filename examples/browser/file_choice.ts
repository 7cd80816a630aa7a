import { byId } from "./elements.ts";

/** Lets people choose a file by a button, or by dropping it on a field of the page. */
export function chooseFile(field: string, input: string, choose: (file: File) => void): void {
  const picker = byId<HTMLInputElement>(input);
  picker.addEventListener("change", () => {
    const file = picker.files?.[0];
    if (file !== undefined) choose(file);
    picker.value = ""; // so that the same file can be chosen again
  });
  onDrop(byId(field), ({ files }) => {
    if (files[0] !== undefined) choose(files[0]);
  });
}

/** Hears what is dropped on an element, and shows that it may be. */
export function onDrop(element: HTMLElement, take: (data: DataTransfer) => void): void {
  const over = (isOver: boolean) => element.classList.toggle("over", isOver);
  element.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  element.addEventListener("dragleave", () => over(false));
  element.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    if (event.dataTransfer !== null) take(event.dataTransfer);
  });
}
