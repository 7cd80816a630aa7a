import type { TextValue } from "./text_value.ts";
import type { Call } from "./values.ts";
import type { Work } from "./work.ts";

type Test = (self: TextValue, call: Call, work: Work) => boolean;

/** Characters that are digits without being decimal ones, as Unicode counts them. */
const otherDigits =
  "\\xb2\\xb3\\xb9\\u1369-\\u1371\\u19da\\u2070\\u2074-\\u2079\\u2080-\\u2089\\u2460-\\u2468" +
  "\\u2474-\\u247c\\u2488-\\u2490\\u24ea\\u24f5-\\u24fd\\u24ff\\u2776-\\u277e\\u2780-\\u2788" +
  "\\u278a-\\u2792\\u{10a40}-\\u{10a43}\\u{10e60}-\\u{10e68}\\u{11052}-\\u{1105a}" +
  "\\u{1f100}-\\u{1f10a}";
/** Ideographs that are numbers. */
const numberIdeographs =
  "\u3007零一二三四五六七八九十百千万萬億兆〡-〩壹贰叁肆伍陆柒捌玖拾佰仟貳參陸廿卅卌両两";

function every(pattern: string): Test {
  const whole = new RegExp(`^(?:${pattern})+$`, "u");
  return ({ text }, _, work) => {
    work.touch(text.length);
    return whole.test(text);
  };
}

function inCase(wanted: string, other: string): Test {
  const some = new RegExp(wanted, "u");
  const none = new RegExp(other, "u");
  return ({ text }, _, work) => {
    work.touch(text.length);
    return some.test(text) && !none.test(text);
  };
}

const isTitle: Test = ({ text }, _, work) => {
  work.touch(4 * text.length);
  let isInside = false;
  let isFound = false;
  for (const character of text) {
    const isUpper = /[\p{Uppercase}\p{Lt}]/u.test(character);
    const isLower = /\p{Lowercase}/u.test(character);
    if ((isUpper && isInside) || (isLower && !isInside)) return false;
    isInside = isUpper || isLower;
    isFound ||= isInside;
  }
  return isFound;
};

/** Python's tests of strings; all but two are false of the empty one. */
export const stringTests: Readonly<Record<string, Test>> = {
  isalnum: every(`[\\p{L}\\p{N}${otherDigits}${numberIdeographs}]`),
  isalpha: every("\\p{L}"),
  isascii: ({ text }, _, work) => {
    work.touch(text.length);
    // deno-lint-ignore no-control-regex -- ASCII begins with them.
    return /^[\x00-\x7f]*$/.test(text);
  },
  isdecimal: every("\\p{Nd}"),
  isdigit: every(`[\\p{Nd}${otherDigits}]`),
  isidentifier: every("(?<=^|[\\p{ID_Continue}_])(?!^)[\\p{ID_Continue}]|^[\\p{ID_Start}_]"),
  islower: inCase("\\p{Lowercase}", "[\\p{Uppercase}\\p{Lt}]"),
  isnumeric: every(`[\\p{N}${numberIdeographs}]`),
  isprintable: ({ text }, _, work) => {
    work.touch(text.length);
    return !/(?! )[\p{C}\p{Z}]/u.test(text);
  },
  isspace: every(
    "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]",
  ),
  istitle: isTitle,
  isupper: inCase("\\p{Uppercase}", "[\\p{Lowercase}\\p{Lt}]"),
};
