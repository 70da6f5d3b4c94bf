/** The extension's settings. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ISettingRegistry } from '@jupyterlab/settingregistry';

import { PLUGIN } from './tokens.js';

/** Return them once Lab is there; undefined where there are none, or where they can't be read. */
export async function settingsOf(
  app: JupyterFrontEnd,
  registry: ISettingRegistry | null,
): Promise<ISettingRegistry.ISettings | undefined> {
  // Not before: the extension with the shortcuts takes no news of settings until its own are there.
  await app.restored;
  return registry?.load(PLUGIN).catch(() => undefined);
}
