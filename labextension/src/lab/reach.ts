/** Asks this Jupyter server whether it has a bridge, before anything dials it: a socket would dial for ever. */

import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { sharedChannel } from '../ui/channel/shared.js';
import { Value } from '../ui/value.js';
import type { Reached } from './tokens.js';

/** Milliseconds until a server that doesn't answer is asked again. */
const AGAIN = 5000;

export class Reach {
  readonly value = new Value<Reached>({ kind: 'asking' });
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private settings: ServerConnection.ISettings,
    /** The address of the Jupyter server; the bridge answers below it. */
    private base: string,
  ) {}

  ask(): void {
    clearTimeout(this.timer);
    this.value.set({ kind: 'asking' });
    const url = URLExt.join(this.settings.baseUrl, 'orbit/');
    ServerConnection.makeRequest(url, {}, this.settings).then(
      response => this.value.set(this.read(response)),
      () => (this.timer = setTimeout(() => this.ask(), AGAIN)),
    );
  }

  private read(response: Response): Reached {
    if (response.ok) {
      return { kind: 'there', channel: sharedChannel(URLExt.join(this.base, 'orbit/')) };
    }
    const reason =
      response.status === 404
        ? 'This Jupyter server has no Orbit bridge. Enable it with “jupyter server extension enable orbit_jupyter”, and start the server anew.'
        : response.status === 403
          ? 'This Jupyter server doesn’t let you use its Orbit bridge. Ask its administrator.'
          : `The Orbit bridge of this Jupyter server answers with status ${response.status}.`;
    return { kind: 'missing', reason };
  }
}
