/** Values as Python source. What it says is also what it looks like: nothing in it can end a text or turn its order. */

/** Source that stands for itself. */
export class Expression {
  constructor(readonly source: string) {}
}

/** Signs that are not seen, or turn the order of what is seen. */
const UNSEEN = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const LINE = 88;

export function pythonText(text: string): string {
  return JSON.stringify(text).replace(UNSEEN, sign => `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Return the literal of a JSON-like value; `indent` is where its line begins. */
export function pythonOf(value: unknown, indent = 0): string {
  if (value instanceof Expression) {
    return value.source;
  }
  switch (typeof value) {
    case 'string':
      return pythonText(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : `float("${value}")`;
    case 'boolean':
      return value ? 'True' : 'False';
  }
  if (Array.isArray(value)) {
    return bracketed('[', value, ']', indent, (one, deep) => pythonOf(one, deep));
  }
  if (typeof value === 'object' && value !== null) {
    const all = Object.entries(value).filter(([, one]) => one !== undefined);
    return bracketed('{', all, '}', indent, ([key, one], deep) => `${pythonText(key)}: ${pythonOf(one, deep)}`);
  }
  return 'None';
}

function bracketed<T>(
  open: string,
  all: T[],
  close: string,
  indent: number,
  source: (one: T, deep: number) => string,
): string {
  const flat = `${open}${all.map(one => source(one, indent)).join(', ')}${close}`;
  if (flat.length + indent < LINE && !flat.includes('\n')) {
    return flat;
  }
  const deep = indent + 4;
  const lines = all.map(one => `${' '.repeat(deep)}${source(one, deep)},\n`);
  return `${open}\n${lines.join('')}${' '.repeat(indent)}${close}`;
}

/** Return the lines that reach an endpoint. */
export function endpointPython(endpoint: string): string {
  return `import orbit_jupyter as orbit\n\nhpc = orbit.connect()[${pythonText(endpoint)}]\n`;
}

/** Names that are written as an attribute; any other may be one that an endpoint has of its own. */
const BUILT_IN = new Set(['psij', 'queue_info', 'rhapsody', 'staging', 'sysinfo']);

/** Return what reaches a plugin of `hpc`. */
export function pluginPython(plugin: string): string {
  return BUILT_IN.has(plugin) ? `hpc.${plugin}` : `hpc.get_plugin(${pythonText(plugin)})`;
}
