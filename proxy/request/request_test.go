package request

import (
	"fmt"
	"testing"

	"gateway/proxy/engine"
	"gateway/proxy/page"
)

func TestRequest_AnswersEachFailureWithItsPage(t *testing.T) {
	for err, status := range map[error]int{
		engine.ErrRequest:  400,
		engine.ErrResponse: 502,
		engine.ErrConnect:  502,
		engine.ErrTimeout:  504,
		fmt.Errorf("%w: %w", engine.ErrConnect, engine.ErrTimeout): 504,
	} {
		kind := failurePage(fmt.Errorf("forwarding: %w", err))
		if got := (page.Page{Kind: kind}).Status(); got != status {
			t.Errorf("%v: %d, want %d", err, got, status)
		}
	}
}
