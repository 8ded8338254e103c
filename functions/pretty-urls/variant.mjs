// The variant that a visitor's cookie names; `a` without one.
export function chooseVariant(headers) {
  const cookies = (headers.cookie || []).map((entry) => entry.value).join('; ');
  const match = /(?:^|;\s*)variant=([ab])(?:;|$)/.exec(cookies);
  return match ? match[1] : 'a';
}
