# The Neo4j server of the tests: Java archives of Maven Central. Sourced after common.sh.

NEO4J_VERSION=5.26.30

# provide_neo4j: its archives, in the user's cache folder, once for all clones; a lock lets two scripts start at once.
# tests/servers/neo4j looks for them there.
provide_neo4j()
{
    local folder=${XDG_CACHE_HOME:-$HOME/.cache}/whisperstore/neo4j-$NEO4J_VERSION lock
    mkdir -p "${folder%/*}"
    exec {lock}>"$folder.lock"
    flock "$lock"
    if [ ! -e "$folder/complete" ]; then
        say "    fetching Neo4j $NEO4J_VERSION from Maven Central into $folder"
        rm -rf "$folder"
        mkdir -p "$folder"
        # One exact version: a range would have Maven look at every version there is.
        cat >"$folder/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>whisperstore</groupId>
  <artifactId>neo4j-of-the-tests</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.neo4j</groupId>
      <artifactId>neo4j</artifactId>
      <version>$NEO4J_VERSION</version>
    </dependency>
  </dependencies>
</project>
POM
        quietly mvn -B -q -f "$folder/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$folder/lib" ||
            fail "Neo4j $NEO4J_VERSION could not be fetched from Maven Central (see above)"
        touch "$folder/complete"
    fi
    exec {lock}>&-
    say "    using $folder"
}
