/** Something that happens by itself at a time, in seconds since 1970. */
export type Due = { at: number; happen: () => void };
