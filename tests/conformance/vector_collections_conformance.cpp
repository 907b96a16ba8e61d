// Collections: what they are called and shaped, and how they come and go; their backups; opening and closing.

#include "conformance/vector_fixture.hpp"

namespace whisperstore::test {
namespace {

class VectorCollections : public VectorFixture
{
};

INSTANTIATE_TEST_SUITE_P(Backends, VectorCollections, testing::ValuesIn(vector_backends()),
                         [](const auto& backend) { return backend.param.name; });

using Ids = std::vector<std::string>;

// ---- collections

TEST_P(VectorCollections, CollectionsAreCreatedListedAndDeleted)
{
    EXPECT_EQ(run(vectors->list_collections()), Ids{"docs"});
    create("b", 2);
    create("A-1_z", 3);
    EXPECT_EQ(run(vectors->list_collections()), (Ids{"A-1_z", "b", "docs"}));
    EXPECT_EQ(run(vectors->get_collections_count()), 3U);
    EXPECT_TRUE(run(vectors->delete_collection("b")));
    EXPECT_FALSE(run(vectors->delete_collection("b")));
    EXPECT_EQ(run(vectors->list_collections()), (Ids{"A-1_z", "docs"}));
    EXPECT_STORAGE_ERROR(run(vectors->get_collection("b")), not_found);
}

TEST_P(VectorCollections, TheCollectionsOfTheReferenceExist)
{
    ASSERT_EQ(VECTOR_COLLECTIONS.size(), 3U);
    for (const auto& [name, config] : VECTOR_COLLECTIONS)
        run(vectors->create_collection(name, config));
    const CollectionConfig memories = run(vectors->get_collection("user_memories"));
    EXPECT_EQ(memories.description, "User-specific conversation memories");
    EXPECT_EQ(memories.embedding_dimension, 384U);
    EXPECT_EQ(memories.distance_metric, "cosine");
}

TEST_P(VectorCollections, CreatingAgainNeedsTheSameShape)
{
    store("a", some_vector(1));
    CollectionConfig same;
    same.embedding_dimension = 4;
    same.description = "another description";
    run(vectors->create_collection("docs", same));
    EXPECT_EQ(count(), 1U);
    EXPECT_EQ(run(vectors->get_collection("docs")).description, "");
    EXPECT_STORAGE_ERROR(create("docs", 5), already_exists);
    EXPECT_EQ(count(), 1U);
}

TEST_P(VectorCollections, CollectionsFromADictionary)
{
    json::object metadata = meta(
        R"({"description": "Ünï 🌒", "embedding_dimension": 7, "distance_metric": "cosine", "owner": {"team": [1, null]}})");
    run(vectors->create_collection("from_json", metadata));
    const CollectionConfig config = run(vectors->get_collection("from_json"));
    EXPECT_EQ(config.description, "Ünï 🌒");
    EXPECT_EQ(config.embedding_dimension, 7U);
    EXPECT_EQ(config.metadata, meta(R"({"owner": {"team": [1, null]}})"));
    EXPECT_EQ(CollectionConfig::from_json(config.to_json()).to_json(), config.to_json());
    EXPECT_EQ(CollectionConfig::from_json(json::object()).embedding_dimension, 384U);
}

TEST_P(VectorCollections, ShapesThatCannotBeAreRefused)
{
    for (const char* shape :
         {R"({"embedding_dimension": 0})", R"({"embedding_dimension": 65537})", R"({"embedding_dimension": -1})",
          R"({"embedding_dimension": 1.5})", R"({"embedding_dimension": "4"})", R"({"distance_metric": "euclid"})",
          R"({"distance_metric": 1})", R"({"description": 1})"})
        EXPECT_STORAGE_ERROR(run(vectors->create_collection("bad", meta(shape))), invalid_argument) << shape;
    EXPECT_STORAGE_ERROR(run(vectors->get_collection("bad")), not_found);
}

// Seen in an earlier implementation: collection names escaping their directory.
TEST_P(VectorCollections, CollectionNamesCannotLeaveTheirPlace)
{
    const std::string long_name(64, 'a');
    for (const std::string& name :
         {std::string(), std::string("."), std::string(".."), std::string("../x"), std::string("/tmp/x"),
          std::string("a/b"), std::string("a\\b"), std::string("a.b"), std::string("a b"), std::string("ü"),
          std::string("a\0b", 3), std::string("a\nb"), std::string("%2e"), long_name}) {
        EXPECT_STORAGE_ERROR(create(name, 4), invalid_argument) << name;
        EXPECT_STORAGE_ERROR(run(vectors->delete_collection(name)), invalid_argument) << name;
        EXPECT_STORAGE_ERROR(run(vectors->get_collection(name)), invalid_argument) << name;
        EXPECT_STORAGE_ERROR(run(vectors->count_documents(name)), invalid_argument) << name;
    }
    EXPECT_EQ(run(vectors->list_collections()), Ids{"docs"});
    const std::string longest(63, 'a');
    create(longest, 4);
    EXPECT_TRUE(run(vectors->delete_collection(longest)));
}

TEST_P(VectorCollections, AnUnknownCollectionIsNotFound)
{
    const std::vector<float> query = some_vector(1);
    EXPECT_STORAGE_ERROR(run(vectors->store_document("none", "a", "x", query)), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->store_documents("none", std::vector<VectorDocument>())), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->search_similar("none", query, 1)), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->search_similar("none", query, 0)), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->get_document("none", "a")), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->delete_document("none", "a")), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->delete_documents("none", filter::eq("a", 1))), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->scroll("none")), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->count_documents("none")), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->export_collection("none")), not_found);
    EXPECT_STORAGE_ERROR(run(vectors->get_collection_stats("none")), not_found);
}

TEST_P(VectorCollections, ADeletedCollectionComesBackEmptyAndInAnotherShape)
{
    store("a", some_vector(1));
    EXPECT_TRUE(run(vectors->delete_collection("docs")));
    create("docs", 2);
    EXPECT_EQ(count(), 0U);
    EXPECT_TRUE(search(some_vector(1, 2)).empty());
    store("b", some_vector(1, 2));
    EXPECT_EQ(ids_of(search(some_vector(1, 2))), Ids{"b"});
}

// ---- backup and restore

TEST_P(VectorCollections, ABackupRestoresEveryCollection)
{
    CollectionConfig config;
    config.description = "described";
    config.embedding_dimension = 3;
    config.metadata = meta(R"({"note": [1, null]})");
    run(vectors->create_collection("second", config));
    run(vectors->store_document("second", "x", "y", some_vector(1, 3)));
    store("before", some_vector(1), R"({"n": 1.0})", "Ünï 🌒");
    const VectorDocument before = *run(vectors->get_document("docs", "before"));
    run(vectors->backup_collections(directory / "backup"));
    EXPECT_STORAGE_ERROR(run(vectors->backup_collections(directory / "backup")), already_exists);

    store("before", some_vector(2));
    store("after", some_vector(3));
    create("third", 4);
    run(vectors->delete_collection("second"));
    run(vectors->restore_collections(directory / "backup"));

    EXPECT_EQ(run(vectors->list_collections()), (Ids{"docs", "second"}));
    EXPECT_EQ(count(), 1U);
    EXPECT_EQ(*run(vectors->get_document("docs", "before")), before);
    const CollectionConfig second = run(vectors->get_collection("second"));
    EXPECT_EQ(second.to_json(), config.to_json());
    EXPECT_EQ(ids_of(run(vectors->search_similar("second", some_vector(1, 3), 5))), Ids{"x"});
    // And it goes on from there.
    store("later", some_vector(4));
    EXPECT_EQ(count(), 2U);
}

// Seen in an earlier implementation: restore destroying the live data before looking at the backup.
TEST_P(VectorCollections, AFailedRestoreLeavesEverything)
{
    store("a", some_vector(1));
    write_file(directory / "rubbish", "not a database");
    write_file(directory / "empty", "");
    EXPECT_STORAGE_ERROR(run(vectors->restore_collections(directory / "rubbish")), corrupt);
    EXPECT_STORAGE_ERROR(run(vectors->restore_collections(directory / "empty")), corrupt);
    EXPECT_STORAGE_ERROR(run(vectors->restore_collections(directory / "missing")), not_found);
    run(vectors->backup_collections(directory / "backup"));
    std::string bytes = read_file(directory / "backup");
    write_file(directory / "torn", bytes.substr(0, bytes.size() / 2));
    EXPECT_STORAGE_ERROR(run(vectors->restore_collections(directory / "torn")), corrupt);
    EXPECT_EQ(ids_of(search(some_vector(1))), Ids{"a"});
    EXPECT_EQ(run(vectors->list_collections()), Ids{"docs"});
}

TEST_P(VectorCollections, ABackupOfNothingRestoresNothing)
{
    run(vectors->delete_collection("docs"));
    run(vectors->backup_collections(directory / "backup"));
    create("docs", 4);
    run(vectors->restore_collections(directory / "backup"));
    EXPECT_TRUE(run(vectors->list_collections()).empty());
}

// ---- opening, closing, deadlines

TEST_P(VectorCollections, ClosedBeforeInitializeAndAfterCleanup)
{
    const auto fresh = GetParam().make(directory / "fresh");
    EXPECT_STORAGE_ERROR(run(fresh->list_collections()), closed);
    EXPECT_STORAGE_ERROR(run(fresh->count_documents("docs")), closed);
    run(fresh->cleanup());
    run(vectors->initialize());
    store("a", some_vector(1));
    run(vectors->cleanup());
    run(vectors->cleanup());
    EXPECT_STORAGE_ERROR(search(some_vector(1)), closed);
    EXPECT_STORAGE_ERROR(store("b", some_vector(1)), closed);
    EXPECT_STORAGE_ERROR(create("c", 4), closed);
    EXPECT_STORAGE_ERROR(run(vectors->backup_collections(directory / "backup")), closed);
    run(vectors->initialize());
    EXPECT_EQ(ids_of(search(some_vector(1))), Ids{"a"});
}

TEST_P(VectorCollections, ErrorsNameTheBackendAndTheOperation)
{
    const StorageError error = error_of([&] { run(vectors->count_documents("none")); });
    EXPECT_EQ(error.backend(), GetParam().type);
    EXPECT_EQ(error.operation(), "count_documents");
    EXPECT_FALSE(error.retryable());
}

TEST_P(VectorCollections, APassedDeadlineIsATimeout)
{
    const OperationContext late = OperationContext::within(std::chrono::milliseconds(-1));
    const std::vector<float> query = some_vector(1);
    EXPECT_STORAGE_ERROR(run(vectors->search_similar("docs", query, 1, Filter(), late)), timeout);
    EXPECT_STORAGE_ERROR(run(vectors->store_document("docs", "a", "x", query, json::object(), late)), timeout);
    EXPECT_STORAGE_ERROR(run(vectors->scroll("docs", 1, std::nullopt, Filter(), late)), timeout);
    EXPECT_STORAGE_ERROR(run(vectors->delete_documents("docs", filter::eq("a", 1), late)), timeout);
    EXPECT_STORAGE_ERROR(run(vectors->backup_collections(directory / "backup", late)), timeout);
    EXPECT_EQ(count(), 0U);
    EXPECT_FALSE(std::filesystem::exists(directory / "backup"));
}

} // namespace
} // namespace whisperstore::test
