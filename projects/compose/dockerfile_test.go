package compose

import (
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

func TestExposes_ReadsTheStageThatIsBuilt(t *testing.T) {
	given := "9001"
	args := types.MappingWithEquals{"GIVEN": &given, "BARE": nil}
	for _, c := range []struct {
		text, target string
		want         []int
	}{
		{"FROM a\nEXPOSE 1\nFROM b\nexpose 80 443/tcp \\\n  53/udp 80\n", "", []int{80, 443}},
		{"FROM a\nEXPOSE 1\nFROM b\n", "", nil},
		{"FROM a AS one\nEXPOSE 1\nFROM b AS two\nEXPOSE 2\n", "one", []int{1}},
		{"FROM a AS one\nEXPOSE 1\nFROM One\n", "", []int{1}},
		{"FROM a AS one\nEXPOSE 1\nFROM one AS two\nFROM two\nEXPOSE 3\n", "", []int{1, 3}},
		{"ARG BASE=one\nFROM a AS one\nEXPOSE 1\nFROM ${BASE}\n", "", []int{1}},
		{"ARG P=81\nFROM a\nARG P\nARG GIVEN=1\nENV Q=$GIVEN R=82\nEXPOSE $P ${Q} ${R:-1} ${S:-83} $NONE\n", "", []int{81, 82, 83, 9001}},
		{"FROM a\nENV PORT 84\nARG BARE=85\nEXPOSE $PORT/tcp $BARE\n", "", []int{84, 85}},
		{"FROM a\nEXPOSE 3000-3002 5000-5001/udp 70000 0 x\n", "", []int{3000, 3001, 3002}},
		{"\ufeffFROM a\r\nENV A=b \\\r\n  C=d\r\nEXPOSE \\\r\n  8080\r\n", "", []int{8080}},
		{"# escape=`\nFROM a\nEXPOSE `\n 86\n", "", []int{86}},
		{"FROM a\nCOPY <<EOT /x\nEXPOSE 1\nEOT\nRUN <<EOT\nEXPOSE 2\nEOT\nEXPOSE 87\n", "", []int{87}},
		{"FROM a\nONBUILD EXPOSE 1\n# EXPOSE 2\nRUN echo \\\n# EXPOSE 3\n  x\n", "", nil},
		{"EXPOSE 1\n", "", nil},
		{"", "", nil},
		{"FROM", "", nil},
	} {
		if got := exposes(c.text, c.target, args); !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, want %v", c.text, got, c.want)
		}
	}
}

func TestImagesIn_FollowsEveryWayToAnImage(t *testing.T) {
	given := "blog-web"
	args := types.MappingWithEquals{"GIVEN": &given}
	for text, want := range map[string]string{
		"FROM a AS one\nFROM scratch\nCOPY --from=one / /\nCOPY --from=0 / /\nFROM One\n":                                    "a",
		"ARG GIVEN=x\nFROM --platform=linux/amd64 \"${GIVEN}\":${TAG:-1}\n":                                                  "blog-web:1",
		"FROM ${TARGETOS:+blog-web}\n":                                                                                       "blog-web",
		"# escape=`\nFROM blog`-web\n":                                                                                       "blog-web",
		"FROM scratch\nCOPY --from=docker.io/library/b / /\nADD --from=c x y\nRUN --mount=type=bind,from=d,target=/d true\n": "docker.io/library/b c d",
		"FROM a\nARG GIVEN\nRUN --mount=target=/x,from=$GIVEN --mount=type=cache,target=/c true\n":                           "a blog-web",
		"FROM a\nONBUILD COPY --from=b / /\n":                                                                                "a b",
		"FROM a\nCOPY --from=7 / /\n":                                                                                        "a 7",
		"FROM $NONE\n":                                                                                                       "",
		"":                                                                                                                   "",
	} {
		if got := strings.Join(imagesIn(text, args), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestNeedsBuildKit_NamesWhatTheEnginesOwnBuilderLacks(t *testing.T) {
	for text, want := range map[string]string{
		"FROM a\nCOPY --from=x --chown=1 a b\nADD --chown=1 a b\nHEALTHCHECK --interval=1s CMD x\nRUN cat <<'A' >x || true\nb\nA\n": "line 5: RUN with a here-document",
		"FROM --platform=linux/amd64 a\nRUN echo '<<EOF' && cat <<<x\n":                                                             "",
		"# syntax=docker/dockerfile:1\nFROM a\nCOPY --link a b\n":                                                                   "line 3: COPY --link",
		"FROM a\nRUN --mount=type=cache,target=/c \\\n  true\n":                                                                     "line 2: RUN --mount",
		"# syntax=devthefuture/dockerfile-x\nFROM a\nINCLUDE b\n":                                                                   "line 1: # syntax=devthefuture/dockerfile-x",
		"FROM a\nFRMO b\n":                         "",
		"FROM a\nRUN --network=none x\n":           "line 2: RUN --network",
		"FROM a\nCOPY --chmod=1 a b\n":             "line 2: COPY --chmod",
		"FROM a\nADD --checksum=x a b\n":           "line 2: ADD --checksum",
		"FROM a\nCOPY --parents --exclude=x a b\n": "line 2: COPY --parents",
		"FROM a\nCOPY <<EOT /x\nhello\nEOT\n":      "line 2: COPY with a here-document",
		"FROM --platform=$BUILDPLATFORM a\n":       "line 1: FROM --platform=$BUILDPLATFORM",
	} {
		if got := needsBuildKit(text); got != want {
			t.Errorf("%q: %q, want %q", strings.SplitN(text, "\n", 3), got, want)
		}
	}
}

func FuzzDockerfile(f *testing.F) {
	f.Add("FROM a AS b\nARG P=1\nEXPOSE $P ${P:-2} 3-4/tcp\nRUN <<E\nE\n", "b")
	f.Fuzz(func(t *testing.T, text, target string) {
		for _, port := range exposes(text, target, nil) {
			if port < 1 || port > 65535 {
				t.Errorf("%q exposes %d", text, port)
			}
		}
		needsBuildKit(text)
	})
}
