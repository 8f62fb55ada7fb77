package filter

import (
	"slices"

	"gateway/proxy/header"
	"gateway/proxy/route"
)

// responseHeaders edits the header of final responses as labels say.
type responseHeaders struct {
	Pass
	edits []route.HeaderEdit
}

// Response implements Filter. On the gateway's own pages, the fields that they have stay: a policy that is meant for the app
// would break them.
func (f responseHeaders) Response(r *Request, h *header.Header) {
	if !r.Final() {
		return
	}
	for i := range f.edits {
		edit := &f.edits[i]
		_, there := h.Lookup(edit.Name)
		switch {
		case there && r.Own && !edit.Add:
			continue
		case there && !edit.Add:
			*h = slices.DeleteFunc(*h, func(f header.Field) bool { return header.EqualFold(f.Name, edit.Name) })
		}
		if edit.Value != "" {
			h.Append(header.KindOf(edit.Name), edit.Name, edit.Value)
		}
	}
}
