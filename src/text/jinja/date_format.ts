const months = ("January February March April May June July August September October November " +
  "December").split(" ");
const weekdays = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
const day = 86_400_000;

/**
 * Python's `strftime` as it is on Linux, in the C locale, of a local time without a time zone.
 *
 * @param date The time.
 * @param format Text with directives; one that is not known stays as it is.
 * @returns The text.
 */
export function formatDate(date: Date, format: string): string {
  return format.replace(/%([-_0^#]*)(\d{0,3})[EO]?([a-zA-Z%])/g, (whole, flags, width, letter) => {
    const compound = compounds[letter as string];
    if (compound !== undefined) return formatDate(date, compound);
    const field = fields[letter as string]?.(date);
    return field === undefined ? whole : fit(field, flags as string, width as string);
  });
}

/** A number with its usual width and filling, or a text. */
type Field = readonly [value: number, width: number, fill?: string] | string;

function fit(field: Field, flags: string, width: string): string {
  let text: string;
  if (typeof field === "string") {
    text = field.padStart(Number(width), flags.includes("0") ? "0" : " ");
  } else {
    const [value, usual, standard = "0"] = field;
    const fill = flags.includes("_") ? " " : flags.includes("0") ? "0" : standard;
    const size = width === "" ? usual : Number(width);
    text = flags.includes("-") ? String(value) : String(value).padStart(size, fill);
  }
  if (flags.includes("^")) return text.toUpperCase();
  return flags.includes("#")
    ? (/[a-z]/.test(text) ? text.toUpperCase() : text.toLowerCase())
    : text;
}

const compounds: Readonly<Record<string, string>> = {
  c: "%a %b %e %H:%M:%S %Y",
  D: "%m/%d/%y",
  F: "%Y-%m-%d",
  r: "%I:%M:%S %p",
  R: "%H:%M",
  T: "%H:%M:%S",
  x: "%m/%d/%y",
  X: "%H:%M:%S",
};

function yearDay(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 1);
  return Math.round((Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / day);
}

/** The week of the year, if weeks begin on the given day. */
function week(date: Date, first: number): number {
  return Math.floor((yearDay(date) + 7 - (date.getDay() - first + 7) % 7) / 7);
}

/** Year and week of ISO 8601: the week is that year's in which its Thursday is. */
function isoWeek(date: Date): [year: number, week: number] {
  const shift = 3 - (date.getDay() + 6) % 7;
  const thursday = new Date(date.getFullYear(), date.getMonth(), date.getDate() + shift);
  return [thursday.getFullYear(), Math.floor(yearDay(thursday) / 7) + 1];
}

const fields: Readonly<Record<string, (date: Date) => Field>> = {
  a: (date) => weekdays[date.getDay()]!.slice(0, 3),
  A: (date) => weekdays[date.getDay()]!,
  b: (date) => months[date.getMonth()]!.slice(0, 3),
  B: (date) => months[date.getMonth()]!,
  C: (date) => [Math.floor(date.getFullYear() / 100), 2],
  d: (date) => [date.getDate(), 2],
  e: (date) => [date.getDate(), 2, " "],
  f: (date) => [date.getMilliseconds() * 1000, 6],
  g: (date) => [isoWeek(date)[0] % 100, 2],
  G: (date) => [isoWeek(date)[0], 4],
  h: (date) => months[date.getMonth()]!.slice(0, 3),
  H: (date) => [date.getHours(), 2],
  I: (date) => [(date.getHours() + 11) % 12 + 1, 2],
  j: (date) => [yearDay(date) + 1, 3],
  k: (date) => [date.getHours(), 2, " "],
  l: (date) => [(date.getHours() + 11) % 12 + 1, 2, " "],
  m: (date) => [date.getMonth() + 1, 2],
  M: (date) => [date.getMinutes(), 2],
  n: () => "\n",
  p: (date) => date.getHours() < 12 ? "AM" : "PM",
  P: (date) => date.getHours() < 12 ? "am" : "pm",
  s: (date) => [Math.floor(date.getTime() / 1000), 1],
  S: (date) => [date.getSeconds(), 2],
  t: () => "\t",
  u: (date) => [date.getDay() === 0 ? 7 : date.getDay(), 1],
  U: (date) => [week(date, 0), 2],
  V: (date) => [isoWeek(date)[1], 2],
  w: (date) => [date.getDay(), 1],
  W: (date) => [week(date, 1), 2],
  y: (date) => [date.getFullYear() % 100, 2],
  Y: (date) => [date.getFullYear(), 1],
  z: () => "",
  Z: () => "",
  "%": () => "%",
};
