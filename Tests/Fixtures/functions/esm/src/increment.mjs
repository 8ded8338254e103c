export const increment = (number) => number + 1;
