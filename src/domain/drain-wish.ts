/** What may an owner wish for the drain of a server, and where is it said? */

export const WISHES = ['live', 'cold', 'stop', 'ask', 'never'] as const;
export type Wish = (typeof WISHES)[number];

/** The key of a server's metadata under which its owner states the wish. */
export const DRAIN_KEY = 'nightshift:drain';
