'use strict'
// Enter on a choice does not send its form. The forms work without this script.
{
const ready = Symbol.for('apitokens-controls')
if (!window[ready]) {
window[ready] = true

addEventListener('keydown', event => {
	const {key, isComposing, target} = event
	if (key !== 'Enter' || isComposing) return
	if (target.matches('[data-apitokens] :is([type=radio], [role=switch], [data-apitokens-select])')) event.preventDefault()
}, true)
}
}
