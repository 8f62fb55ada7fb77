package compose

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"gateway/projects/policy"
)

// TestJudged_KnowsEveryField makes whoever upgrades Compose's library judge what it brings.
func TestJudged_KnowsEveryField(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(of reflect.Type)
	walk = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			walk(of.Elem())
		case reflect.Struct:
			if seen[of] || of.PkgPath() != reflect.TypeFor[types.Project]().PkgPath() {
				return
			}
			seen[of] = true
			known := strings.Fields(knownFields[of.Name()])
			for field := range of.Fields() {
				if !field.IsExported() || field.Name == "Extensions" {
					continue
				}
				if of != reflect.TypeFor[types.ServiceConfig]() && !slices.Contains(known, field.Name) {
					t.Errorf("%s.%s is not known: look at it in this package, and add it to knownFields", of.Name(), field.Name)
				}
				walk(field.Type)
			}
		}
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[types.ServiceConfig](), reflect.TypeFor[types.NetworkConfig](), reflect.TypeFor[types.VolumeConfig](),
		reflect.TypeFor[types.SecretConfig](), reflect.TypeFor[types.ConfigObjConfig](),
	} {
		walk(of)
	}
}

func TestClosed_RefusesWhatIsNotJudged(t *testing.T) {
	was := knownFields["HealthCheckConfig"]
	knownFields["HealthCheckConfig"] = "Test"
	defer func() { knownFields["HealthCheckConfig"] = was }()
	_, _, err := inspect(t.Context(), Subject{Dir: write(t, "services: {web: {image: x, healthcheck: {test: [CMD, a], retries: 3}}}"), Name: "mine"})
	if err == nil || !strings.Contains(err.Error(), "services.web.healthcheck.retries") || !strings.Contains(err.Error(), string(policy.Unknown)) {
		t.Errorf("got %v", err)
	}
}
