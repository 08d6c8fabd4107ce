'use strict'
// Keep what a list shows in the address, for Back and for a reload. The pages work without it.
{
const ready = Symbol.for('apitokens-address')
if (!window[ready]) {
window[ready] = true

new MutationObserver(records => {
	for (const panel of new Set(records.map(({target}) => target))) {
		const shown = panel.id === 'at-list' && panel.querySelector('[data-apitokens-address]')
		if (!shown) continue
		const address = new URL(shown.dataset.apitokensAddress, location)
		address.hash = location.hash
		// In a page of the host's, the arguments of the address are the host's.
		if (address.pathname !== location.pathname || address.href === location.href) continue
		history.replaceState(history.state, '', address)
	}
}).observe(document, {childList: true, subtree: true})
}
}
