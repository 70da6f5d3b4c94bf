/** Numbers as people read them. */

// Made once: to make one takes longer than to draw a row.
const CLOCK = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat([], { day: 'numeric', month: 'short' });

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function bytes(size: number | null | undefined): string {
  if (size === null || size === undefined || !Number.isFinite(size)) {
    return '–';
  }
  let unit = 0;
  while (Math.abs(size) >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(unit === 0 || size >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** Seconds as `45 s`, `4:12`, `2:30:00`, `3 d 4 h`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) {
    return '–';
  }
  const whole = Math.max(0, Math.floor(seconds));
  const [days, hours] = [Math.floor(whole / 86_400), Math.floor((whole % 86_400) / 3600)];
  const [minutes, rest] = [Math.floor((whole % 3600) / 60), whole % 60];
  if (days) {
    return hours ? `${days} d ${hours} h` : `${days} d`;
  }
  if (hours) {
    return `${hours}:${two(minutes)}:${two(rest)}`;
  }
  return minutes ? `${minutes}:${two(rest)}` : `${rest} s`;
}

/** Milliseconds since the epoch as a time of day, with the date where it isn't today. */
export function time(milliseconds: number | null | undefined): string {
  if (!milliseconds) {
    return '–';
  }
  const when = new Date(milliseconds);
  if (Number.isNaN(when.getTime())) {
    return '–'; // a number, and no time that there is
  }
  const today = when.toDateString() === new Date().toDateString();
  const clock = CLOCK.format(when);
  return today ? clock : `${DAY.format(when)} ${clock}`;
}

export function percent(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : `${Math.round(value)} %`;
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}

/** Return a title without the picture that it may begin with, which not every machine can draw. */
export function plainTitle(title = ''): string {
  return title.replace(/^[\p{Extended_Pictographic}\uFE0F\u200D\s]+/u, '');
}
