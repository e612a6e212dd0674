// Light or dark: the system's choice until a person makes another, which the server reads from a cookie and so never flashes.

const YEAR = 365 * 24 * 3600;

export function themeButton(button, changed) {
  if (!button) return;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const name = () => button.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  button.hidden = false;
  name();
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    document.cookie = `fano_theme=${theme}; path=${button.dataset.themeButton}; max-age=${YEAR}; samesite=lax`;
    name();
    changed();
  });
  system.addEventListener("change", () => {
    name();
    changed();
  });
}
