/** The end of a text that grows, in blocks of whole lines, so that only the last one is laid out anew. */

export interface Block {
  id: number;
  text: string;
}

/** Characters that are kept; what comes before them is let go. */
export const KEPT = 2 * 1024 * 1024;
const BLOCK = 32 * 1024;

export class Tail {
  blocks: readonly Block[] = [];
  /** Bytes of the text up to where it is read. */
  end = 0;
  /** Characters that are kept. */
  length = 0;
  private last = 0;
  private begun = 0;
  private dropped = 0;

  constructor(private kept = KEPT) {}

  /** Bytes that are not kept; about, where they weren't characters of one byte each. */
  get left(): number {
    return this.begun + this.dropped;
  }

  /** Begin anew at a byte. */
  reset(at: number): void {
    this.blocks = [];
    this.begun = this.end = at;
    this.length = this.dropped = 0;
  }

  append(text: string, end: number): void {
    this.end = end;
    if (!text) {
      return;
    }
    const blocks = [...this.blocks];
    const open = blocks.at(-1);
    let rest = text;
    if (open && open.text.length < BLOCK) {
      blocks.pop();
      rest = open.text + text;
    }
    let id = open && rest !== text ? open.id : ++this.last;
    while (rest.length > BLOCK) {
      const line = rest.lastIndexOf('\n', BLOCK);
      const cut = line > 0 ? line + 1 : BLOCK;
      blocks.push({ id, text: rest.slice(0, cut) });
      rest = rest.slice(cut);
      id = ++this.last;
    }
    if (rest) {
      blocks.push({ id, text: rest });
    }
    this.length += text.length;
    let first = 0;
    while (this.length > this.kept && first < blocks.length - 1) {
      const { length } = blocks[first++]!.text;
      this.length -= length;
      this.dropped += length;
    }
    this.blocks = first ? blocks.slice(first) : blocks;
  }

  get text(): string {
    return this.blocks.map(block => block.text).join('');
  }
}

/** Terminals' control sequences. */
const SEQUENCE = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;

/** Return what a terminal would show: no control sequences, and of a line that is written over its last state. */
export function asShown(text: string): string {
  const plain = text.includes('\u001b') ? text.replace(SEQUENCE, '') : text;
  return plain.includes('\r') ? plain.split('\n').map(lastState).join('\n') : plain;
}

/** What is left of a line: no pattern, since one that looks back for the sign is slow where a line is long. */
function lastState(line: string): string {
  let end = line.length;
  while (line[end - 1] === '\r') {
    end -= 1;
  }
  return line.slice(line.lastIndexOf('\r', end - 1) + 1, end);
}
