/** What people type in one line, taken apart: the arguments of a command, and lengths of time. */

/** Split a command line as a shell does that expands nothing; throws an `Error` where a quote isn't closed. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    const sign = line[at]!;
    const next = line[at + 1];
    if (sign === '\\' && quote !== "'" && next !== undefined && (!quote || next === '"' || next === '\\')) {
      word = (word ?? '') + next;
      at += 1;
    } else if (quote ? sign === quote : sign === '"' || sign === "'") {
      quote = quote ? '' : sign;
      word ??= '';
    } else if (!quote && /\s/.test(sign)) {
      if (word !== null) {
        words.push(word);
      }
      word = null;
    } else {
      word = (word ?? '') + sign;
    }
  }
  if (quote) {
    throw new Error(`a ${quote} isn’t closed`);
  }
  return word === null ? words : [...words, word];
}

/** Return a line that `wordsOf` takes apart into these. */
export function lineOf(words: readonly string[]): string {
  return words
    .map(word => (/^[\w@%+=:,./~-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ');
}

const IN_SECONDS: Record<string, number> = { d: 86_400, h: 3600, m: 60, s: 1 };

/** Write a length of time as psij reads it: `45 min` is `45m`; what isn't understood stays as it is. */
export function tidyDuration(text: string): string {
  const tidy = text
    .trim()
    .toLowerCase()
    .replace(/(\d)\s*(d|h|m|s)[a-z]*\.?(?=[\s\d]|$)/g, '$1$2 ')
    .replace(/\s+/g, '');
  return secondsOf(tidy) === null ? text.trim() : tidy;
}

/** Seconds of `600`, `10:00:00`, `1-00:00:00`, `1h30m`; null where it is none of these. */
export function secondsOf(text: string): number | null {
  if (/^\d+$/.test(text)) {
    return Number(text);
  }
  const clock = /^(?:(\d+)-)?(\d+):([0-5]?\d):([0-5]?\d)$/.exec(text);
  if (clock) {
    const [, days = '0', hours, minutes, seconds] = clock;
    return Number(days) * 86_400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  }
  if (!/^(\d+d)?(\d+h)?(\d+m)?(\d+s)?$/.test(text) || !text) {
    return null;
  }
  let seconds = 0;
  for (const [, number, unit] of text.matchAll(/(\d+)([dhms])/g)) {
    seconds += Number(number) * IN_SECONDS[unit!]!;
  }
  return seconds;
}
