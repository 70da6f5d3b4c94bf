/** The clipboard, also where the browser keeps it from pages on plain HTTP. */

/** Copy a text; throw where that can't be done. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.readOnly = true;
  document.body.append(area);
  try {
    area.select();
    // The only way there is; browsers call it deprecated, and keep it.
    // eslint-disable-next-line @typescript-eslint/no-deprecated
    if (!document.execCommand('copy')) {
      throw new Error('the browser does not let this page copy');
    }
  } finally {
    area.remove();
  }
}
