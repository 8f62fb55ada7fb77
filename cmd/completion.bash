# Without the package bash-completion, words are found here. Bash splits them at = and : too; what has no space before
# it belongs to the word before.
__gateway_words()
{
    if declare -F _get_comp_words_by_ref >/dev/null; then
        _get_comp_words_by_ref "$@" cur prev words cword
        return
    fi
    local line=$COMP_LINE gap i
    words=() cword=0
    for ((i = 0; i < ${#COMP_WORDS[@]}; i++)); do
        gap=${line%%[![:space:]]*}
        line=${line#"$gap"}
        line=${line#"${COMP_WORDS[i]}"}
        if [[ $i -eq 0 || -n $gap ]]; then
            words+=("${COMP_WORDS[i]}")
        else
            words[${#words[@]}-1]+=${COMP_WORDS[i]}
        fi
        if ((i == COMP_CWORD)); then
            cword=$((${#words[@]}-1))
        fi
    done
    cur=${words[cword]}
    prev=${words[cword > 0 ? cword-1 : 0]}
}

__gateway_quote()
{
    local word
    for word; do
        printf -v word %q "$word"
        printf '%s\n' "${word//\\,/,}"
    done
}

__gateway_filedir()
{
    if declare -F _filedir >/dev/null; then
        _filedir "$@"
        return
    fi
    local IFS=$'\n' kind=-f
    if [[ ${1-} == -d ]]; then
        kind=-d
    fi
    COMPREPLY+=($(compgen $kind -- "$cur"))
    if [[ $(type -t compopt) == builtin ]]; then
        compopt -o filenames
    fi
}

