/** Something that happens by itself at a time, in seconds since 1970. */
export type Due = { at: number; happen: () => void };

/** Whether a clock moves the things of this customer. */
export type InScope = (customer: string | null) => boolean;
