// In presentation mode a caption is a "?" (kit/presenting.css): it opens by keyboard too.

export default function ({ parentElement }) {
  const reach = () => {
    for (const caption of document.querySelectorAll(".stMain [data-testid=stCaptionContainer]")) {
      if (!caption.hasAttribute("tabindex")) caption.tabIndex = 0;
    }
  };
  reach();
  const observer = new MutationObserver(reach);
  observer.observe(document.querySelector(".stMain"), { childList: true, subtree: true });
  return () => {
    observer.disconnect();
    if (parentElement.isConnected) return;
    for (const caption of document.querySelectorAll("[data-testid=stCaptionContainer]")) {
      caption.removeAttribute("tabindex");
    }
  };
}
